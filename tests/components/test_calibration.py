"""The curve of expected errors: read by hand, and refused where it is none."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from components.calibration import ExpectedError

# 8% at a confidence of 0.25 and below, 2% at 0.75 and above; the second landmark errs half as much as the first.
KNOWN = ExpectedError("inter_ocular", (0.25, 0.75), (8.0, 2.0), (1.0, 0.5), usual=3.0, power=0.0)


def test_between_knots_it_is_a_straight_line_and_beyond_them_level() -> None:
    confidence = np.array([[0.0, 0.0], [0.25, 0.25], [0.5, 0.5], [0.75, 0.625], [1.0, 1.0]], np.float32)
    # By hand: halfway it is (8 + 2) / 2; at 0.625, a quarter of 6 above 2.
    expected = [[8.0, 4.0], [8.0, 4.0], [5.0, 2.5], [2.0, 1.75], [2.0, 1.0]]
    assert expected == KNOWN.at(confidence).tolist()
    assert np.float32 == KNOWN.at(confidence).dtype


def test_a_single_knot_expects_the_same_of_any_confidence() -> None:
    single = ExpectedError("inter_ocular", (0.5,), (3.0,), (1.0,), usual=3.0, power=1.0)
    assert [[3.0], [3.0]] == single.at(np.array([[0.1], [0.9]])).tolist()


def test_of_a_face_whose_landmarks_are_unsure_together_more_is_expected() -> None:
    # By hand: of both landmarks together, (8 + 4) / 2 = 6% is twice the usual, so that twice as much is expected; and
    # (2 + 1) / 2 = 1.5% is half of it.
    together = replace(KNOWN, power=1.0)
    assert [[16.0, 8.0], [1.0, 0.5]] == together.at(np.array([[0.25, 0.25], [0.75, 0.75]])).tolist()
    # Where one is unsure by itself, the mean of 8% and 1% is 1.5 times the usual.
    assert [[12.0, 1.5]] == together.at(np.array([[0.25, 0.75]])).tolist()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"confidence": (), "error": ()}, "expected_error: the number of knots is 0: expected 1 to 32"),
        ({"error": (8.0,)}, "expected_error: 1 errors, but 2 confidences: expected one for each"),
        ({"confidence": (0.25, 0.25)}, "expected_error: expected confidences that rise from knot to knot"),
        ({"error": (2.0, 8.0)}, "expected_error: expected errors that never rise with the confidence"),
        ({"confidence": (0.25, 1.5)}, "expected_error: confidence is 1.5: expected 0 to 1 (it is a share)"),
        ({"error": (8.0, -1.0)}, "expected_error: error is -1.0: expected at least 0"),
        ({"usual": 0.0}, "expected_error: usual is 0.0: expected more than 0"),
        ({"power": 4.0}, "expected_error: power is 4.0: expected 0 to 2 (a face that is twice as unsure"),
        ({"factor": (1.0, float("nan"))}, "expected_error: factor is nan: expected at least 0"),
    ],
)
def test_what_is_no_falling_curve_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        replace(KNOWN, **fields)
