"""The bootstrap interval."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from components.metrics import auc, bootstrap_interval, failure_rate

VALUES = np.random.default_rng(0).gamma(4, 0.01, 200)


def test_the_interval_of_a_mean_is_about_two_standard_errors_to_either_side() -> None:
    # The formula for a normal mean: 1.96 standard errors; the percentile bootstrap divides by N, not by N - 1.
    error = VALUES.std() / np.sqrt(200)
    low, high = bootstrap_interval(VALUES)
    assert 1.96 * error == pytest.approx(VALUES.mean() - low, rel=0.1)
    assert 1.96 * error == pytest.approx(high - VALUES.mean(), rel=0.1)


def test_intervals_of_95_percent_cover_the_truth_about_that_often() -> None:
    rng = np.random.default_rng(0)
    truth = 0.04  # the mean of a gamma of shape 4 and scale 0.01
    intervals = [bootstrap_interval(rng.gamma(4, 0.01, 60)) for _ in range(100)]
    # 95 of 100 with a deviation of 2.2; a skewed distribution and 60 faces cost a little.
    assert 87 <= sum(low <= truth <= high for low, high in intervals) <= 99


def test_a_surer_interval_is_wider() -> None:
    widths = [high - low for low, high in (bootstrap_interval(VALUES, confidence=c) for c in (0.5, 0.9, 0.99))]
    assert sorted(widths) == widths
    assert 3 == len(set(widths))


def test_equal_values_and_seeds_give_equal_intervals() -> None:
    assert bootstrap_interval(VALUES, seed=3) == bootstrap_interval(VALUES.copy(), seed=3)
    assert bootstrap_interval(VALUES, seed=3) != bootstrap_interval(VALUES, seed=4)


def test_of_a_single_face_nothing_is_known_but_itself() -> None:
    assert (0.25, 0.25) == bootstrap_interval(np.array([0.25]))
    assert (1.0, 1.0) == bootstrap_interval(np.array([0.25]), partial(failure_rate, threshold=0.1))


def test_equal_faces_have_an_interval_of_no_width() -> None:
    np.testing.assert_allclose(bootstrap_interval(np.full(20, 0.5)), (0.5, 0.5), rtol=1e-12)


@pytest.mark.parametrize(
    "statistic", [np.mean, np.median, partial(failure_rate, threshold=0.05), partial(auc, threshold=0.1)]
)
def test_any_statistic_over_an_axis_lies_inside_its_interval(statistic) -> None:
    low, high = bootstrap_interval(VALUES, statistic)
    assert low < statistic(VALUES) < high
