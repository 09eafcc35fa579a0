"""The bootstrap's interval, Wilson's of a share, and the one over trainings and faces."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from components.metrics import (
    auc,
    bootstrap_difference,
    bootstrap_interval,
    crossed_interval,
    failure_rate,
    share_interval,
)

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


# Of a share.


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        # By hand, with z = 1.95996 and z^2 = 3.84146: z^2 / (N + z^2) for none, N / (N + z^2) for all.
        (0, 8, 0.0, 0.324408),
        (8, 8, 0.675592, 1.0),
        # Half of ten: 0.5 -+ z / (2 sqrt(10 + z^2)).
        (5, 10, 0.236593, 0.763407),
        # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 1998, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_of_a_share_is_wilsons(count: int, of: int, low: float, high: float) -> None:
    assert (low, high) == pytest.approx(share_interval(np.arange(of) < count), abs=6e-5)


def test_no_failure_among_few_faces_does_not_say_that_there_are_none() -> None:
    passed = np.zeros(8, bool)
    assert (0.0, 0.0) == bootstrap_interval(passed)
    assert 0.32 < share_interval(passed)[1]


def test_one_face_says_next_to_nothing_of_a_share() -> None:
    # By hand: 1 / (1 + z^2).
    assert (pytest.approx(0.206549, abs=1e-6), 1.0) == share_interval(np.array([True]))


def test_shares_of_95_percent_cover_the_truth_about_that_often_however_small_it_is() -> None:
    failed = np.random.default_rng(0).uniform(size=(200, 88)) < 0.03
    intervals = [share_interval(each) for each in failed]
    # The binomial distribution of 88 faces: 0 to 5 failures have intervals that hold 0.03, and come in 95.07%; deviation 1.5%.
    assert 0.92 <= np.mean([low <= 0.03 <= high for low, high in intervals]) <= 0.98


# Over trainings and faces.


def trainings(rng: np.random.Generator, of_training: float, of_face: float) -> np.ndarray:
    """(3, 60) around 4, with deviations of trainings and of faces, and a rest of 0.5."""
    values = 4 + of_training * rng.normal(size=(3, 1)) + of_face * rng.normal(size=(1, 60))
    return values + 0.5 * rng.normal(size=(3, 60))


@pytest.mark.parametrize(("of_training", "of_face"), [(0.0, 1.0), (0.1, 1.0), (0.5, 0.2)])
def test_crossed_intervals_cover_what_other_trainings_on_other_faces_come_to(of_training, of_face) -> None:
    rng = np.random.default_rng(0)
    intervals = [crossed_interval(trainings(rng, of_training, of_face)) for _ in range(400)]
    # 95% with a deviation of 1.1%. Where trainings differ most, the approximate degrees of freedom of three are a point
    # short: 93.8% of 6,000.
    assert 0.90 <= np.mean([low <= 4 <= high for low, high in intervals]) <= 0.995


def test_an_interval_of_faces_alone_is_too_short_where_trainings_differ() -> None:
    rng = np.random.default_rng(0)
    intervals = [bootstrap_interval(trainings(rng, 0.5, 0.2).mean(0)) for _ in range(100)]
    assert np.mean([low <= 4 <= high for low, high in intervals]) < 0.6


def test_trainings_that_differ_by_nothing_leave_the_faces_interval() -> None:
    faces = np.random.default_rng(0).normal(4, 1, 60)
    low, high = crossed_interval(np.stack([faces, faces, faces]))
    # The formula of a mean: t of 59 degrees of freedom, 2.0010, times the standard error.
    assert 2.0010 * faces.std(ddof=1) / np.sqrt(60) == pytest.approx((high - low) / 2, rel=1e-4)
    assert faces.mean() == pytest.approx((high + low) / 2)


@pytest.mark.parametrize("shape", [(1, 60), (3, 1)])
def test_one_training_or_one_face_has_no_crossed_interval(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"takes two of each, got {shape[0]} and {shape[1]}$"):
        crossed_interval(np.zeros(shape))


# Of two sets of faces.


def test_the_difference_of_two_sets_has_an_interval_as_by_their_variances() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(4, 1, 400), rng.normal(3, 2, 100)
    low, high = bootstrap_difference(one, other)
    # The standard error of the difference is the root of the sum of both means' variances.
    error = np.sqrt(one.var() / 400 + other.var() / 100)
    difference = one.mean() - other.mean()
    assert pytest.approx((difference - 1.96 * error, difference + 1.96 * error), abs=0.06) == (low, high)
    assert (low, high) == bootstrap_difference(one, other)


def test_of_a_single_face_on_either_side_the_difference_is_all_that_is_known() -> None:
    assert (2.0, 2.0) == bootstrap_difference(np.array([4.0]), np.array([1.0, 3.0]))
