"""What is said of expected errors beside those that came out, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from components.metrics import calibration, risk_by_coverage, summarise_expected
from components.metrics.selective import Bin

# The face of which the least is expected is the second, then the fourth, the first, the third.
EXPECTED, OBSERVED = np.array([3.0, 1.0, 4.0, 2.0]), np.array([5.0, 1.0, 3.0, 3.0])


def test_bins_are_of_equal_size_and_begin_with_what_the_least_is_expected_of() -> None:
    assert [Bin(2, 1.5, 2.0), Bin(2, 3.5, 4.0)] == calibration(EXPECTED, OBSERVED, 2)
    assert [Bin(1, 1.0, 1.0), Bin(1, 2.0, 3.0), Bin(1, 3.0, 5.0), Bin(1, 4.0, 3.0)] == calibration(
        EXPECTED, OBSERVED, 10
    )


def test_the_risk_is_the_mean_error_of_the_faces_that_are_kept() -> None:
    # By hand, in the order of expected errors: 1, 3, 5, 3.
    assert [1.0, 2.0, 3.0, 3.0] == risk_by_coverage(EXPECTED, OBSERVED).tolist()


def test_the_numbers_are_those_of_the_halves() -> None:
    said = summarise_expected(EXPECTED, OBSERVED)
    low, high = said.pop("difference_interval")
    assert {
        "expected": 2.5,
        "observed": 3.0,
        "surer_half": {"expected": 1.5, "observed": 2.0},
        "other_half": {"expected": 3.5, "observed": 4.0},
        "difference": 2.0,
        "risk_coverage_area": 2.25,
    } == said
    # Of the faces 1 and 3, and 5 and 3, drawn again: from 3 - 3 to 5 - 1.
    assert (0.0, 4.0) == (low, high)


def test_of_an_odd_number_the_middle_face_is_of_the_other_half() -> None:
    said = summarise_expected(np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 7.0]))
    assert (1.0, 6.0) == (said["surer_half"]["observed"], said["other_half"]["observed"])


def test_who_knows_nothing_of_faces_has_their_mean_error_as_area() -> None:
    rng = np.random.default_rng(0)
    expected, observed = rng.uniform(1, 2, 2000), rng.uniform(0, 2, 2000)
    assert pytest.approx(1.0, abs=0.05) == summarise_expected(expected, observed)["risk_coverage_area"]
    # In the order of the errors themselves, which are as likely anywhere from 0 to 2: the mean up to a share c is c.
    assert pytest.approx(0.5, abs=0.05) == summarise_expected(observed, observed)["risk_coverage_area"]
