"""What is too large to be taken into memory: checked against what a file declares, before anything is read or made.

The limits in pixels and in parameters are of this machine's memory, so they are set in the environment, and decide no
result but a refusal. A `Range` bounds one field of a configuration, and says why.
"""

from __future__ import annotations

import math
import os
from typing import NamedTuple

# A picture of 100 megapixels takes 300 MB as RGB, and about three times that while it is decoded.
PIXELS = "HEATMARK_MAX_PIXELS", 100_000_000
# 0.8 GB of float32 weights; HIH_B has 23 million.
PARAMETERS = "HEATMARK_MAX_PARAMETERS", 200_000_000


class Range(NamedTuple):
    """From the lowest to the highest value that a field may have, both included, and the reason for the bounds."""

    low: float
    high: float
    reason: str = ""


SHARE = Range(0, 1, "it is a share")
NOT_NEGATIVE = Range(0, math.inf)


def check_range(name: str, value: float, allowed: Range) -> None:
    """Refuses a field's value out of its bounds, or one that is not finite.

    Raises:
        ValueError: With the field's name, its value, the bounds and their reason.
    """
    if not (allowed.low <= value <= allowed.high and value != math.inf):  # NaN is not between either
        bounds = f"at least {allowed.low}" if math.isinf(allowed.high) else f"{allowed.low} to {allowed.high}"
        reason = f" ({allowed.reason})" if allowed.reason else ""
        raise ValueError(f"{name} is {value}: expected {bounds}{reason}")


def check_pixels(height: int, width: int, what: str) -> None:
    """Refuses a picture of too many pixels.

    Raises:
        ValueError: With the size, the limit, and the variable that raises it.
    """
    _check(height * width, f"{what} of {width} x {height} pixels", *PIXELS)


def check_parameters(count: int, what: str) -> None:
    """Refuses a network of too many parameters.

    Raises:
        ValueError: With the number, the limit, and the variable that raises it.
    """
    _check(count, f"{what} of {count:,} parameters", *PARAMETERS)


def _check(count: int, what: str, variable: str, default: int) -> None:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal():
        raise ValueError(f"{variable}: expected a whole number, got {text!r}")
    if count > int(text):
        raise ValueError(f"{what} is over the limit of {int(text):,}; the variable {variable} sets another")
