"""What is too large to be taken into memory: checked against what a file declares, before anything is read or made.

Both limits are of this machine's memory, so they are set in the environment, and decide no result but a refusal.
"""

from __future__ import annotations

import os

# A picture of 100 megapixels takes 300 MB as RGB, and about three times that while it is decoded.
PIXELS = "HEATMARK_MAX_PIXELS", 100_000_000
# 0.8 GB of float32 weights; HIH_B has 23 million.
PARAMETERS = "HEATMARK_MAX_PARAMETERS", 200_000_000


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
