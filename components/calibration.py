"""What error is to be expected at which confidence, as a model knows it of faces that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from components.limits import NOT_NEGATIVE, SHARE, Range, check_range

MOST_KNOTS = 32
KNOTS = Range(1, MOST_KNOTS, "some hundreds of faces say no more")
POWER = Range(0, 2, "a face that is twice as unsure as usual would be expected eight times as far off")


@dataclass(frozen=True)
class ExpectedError:
    """A curve that falls with the confidence, what it is multiplied by for each landmark, and then for each face.

    What is expected of a landmark is e = factor * curve(its confidence) * (m / usual)^power, where m is the mean of factor * curve over
    its face: a face whose landmarks are unsure together is further off than each of them says by itself.

    Attributes:
        protocol: Name of the one whose normaliser errors are in per cent of.
        confidence: At each knot of the curve, rising, 0 to 1.
        error: At each knot, % of the normaliser, never rising; straight lines between the knots, level beyond the outermost.
        factor: Of each landmark: a jaw is further off than an eye that is found with the same confidence.
        usual: The m of faces of which neither more nor less is expected than of their landmarks, %.
        power: How much further off faces are than their landmarks say; 0 of not at all.

    Raises:
        ValueError: Knots that are no such curve, or a number out of its bounds.
    """

    protocol: str
    confidence: tuple[float, ...]
    error: tuple[float, ...]
    factor: tuple[float, ...]
    usual: float
    power: float

    def __post_init__(self) -> None:
        check_range("expected_error: the number of knots", len(self.confidence), KNOTS)
        if len(self.error) != len(self.confidence):
            raise ValueError(
                f"expected_error: {len(self.error)} errors, but {len(self.confidence)} confidences: expected one for each"
            )
        for name, values, allowed in (("confidence", self.confidence, SHARE), ("error", self.error, NOT_NEGATIVE)):
            for value in values:
                check_range(f"expected_error: {name}", value, allowed)
        for value in self.factor:
            check_range("expected_error: factor", value, NOT_NEGATIVE)
        check_range("expected_error: power", self.power, POWER)
        if not 0 < self.usual < np.inf:
            raise ValueError(f"expected_error: usual is {self.usual}: expected more than 0")
        if not all(one < other for one, other in pairwise(self.confidence)):
            raise ValueError("expected_error: expected confidences that rise from knot to knot")
        if not all(one >= other for one, other in pairwise(self.error)):
            raise ValueError("expected_error: expected errors that never rise with the confidence")

    def at(self, confidence: np.ndarray) -> np.ndarray:
        """Confidence (N, K) of whole faces -> expected error (N, K) float32, % of the normaliser."""
        each = np.interp(confidence, self.confidence, self.error) * self.factor
        return (each * (each.mean(axis=-1, keepdims=True) / self.usual) ** self.power).astype(np.float32)
