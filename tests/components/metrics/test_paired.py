"""The mean difference of two models, and how far chance moves it, against scipy's t-tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from components.metrics import Difference

VALUES = np.random.default_rng(0).normal(-0.001, 0.01, 60)
ONE_EACH = np.arange(60).astype(str)


def test_of_single_faces_it_is_the_paired_t_test():
    difference = Difference.of(VALUES, ONE_EACH)
    expected = stats.ttest_1samp(VALUES, 0, alternative="less")
    assert difference.chance() == pytest.approx(expected.pvalue, rel=1e-9)
    assert difference.interval() == pytest.approx(stats.ttest_1samp(VALUES, 0).confidence_interval(0.95), rel=1e-9)
    assert (60, 60, 59) == (difference.num_faces, difference.num_groups, difference.freedom)


def test_a_face_that_is_there_twice_says_nothing_twice():
    twice = Difference.of(np.repeat(VALUES, 2), np.repeat(ONE_EACH, 2))
    assert twice.chance() == pytest.approx(Difference.of(VALUES, ONE_EACH).chance(), rel=1e-9)
    taken_for_two = Difference.of(np.repeat(VALUES, 2), np.arange(120).astype(str))
    assert taken_for_two.error < 0.75 * twice.error  # by a factor of the root of 2


def test_the_names_and_the_order_of_groups_do_not_matter():
    groups = np.repeat(np.arange(20), 3)
    order = np.random.default_rng(1).permutation(60)
    one = Difference.of(VALUES, groups.astype(str))
    other = Difference.of(VALUES[order], np.array([f"person {99 - group}" for group in groups])[order])
    assert one.error == pytest.approx(other.error, rel=1e-12)


def test_what_equal_models_differ_by_is_added_to_the_variance():
    faces = Difference.of(VALUES, ONE_EACH)
    both = Difference.of(VALUES, ONE_EACH, spread=faces.error)
    assert both.error == pytest.approx(np.sqrt(2) * faces.error)
    # By hand: half of the variance has 59 degrees of freedom, the other half all: 59 x (2 / 1)^2.
    assert both.freedom == pytest.approx(236)
    assert both.chance() > faces.chance()


def test_a_margin_moves_the_mean_alone():
    difference = Difference.of(VALUES, ONE_EACH)
    assert difference.minus(0.002).mean == pytest.approx(difference.mean - 0.002)
    assert difference.minus(0.002).error == difference.error


def test_as_many_faces_as_are_needed_show_it_four_times_in_five():
    """Drawn anew 4,000 times with that many faces: the root of 0.8 x 0.2 / 4,000 is 0.006."""
    rng = np.random.default_rng(0)
    difference = Difference(mean=-0.001, faces_variance=0.01**2 / 50, spread=0.0, num_faces=50, num_groups=50)
    needed = difference.faces_needed(0.01)
    drawn = rng.normal(-0.001, 0.01, (4000, needed))
    shown = stats.ttest_1samp(drawn, 0, axis=1, alternative="less").pvalue < 0.01
    assert shown.mean() == pytest.approx(0.8, abs=0.02)


def test_no_number_of_faces_shows_what_seeds_differ_by():
    assert Difference(-0.001, 1e-8, 0.001, 50, 50).faces_needed(0.01) is None


@pytest.mark.parametrize(("value", "chance"), [(-1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_faces_that_all_say_the_same_leave_nothing_to_chance(value, chance):
    assert chance == Difference.of(np.full(5, value), ONE_EACH[:5]).chance()


def test_one_subject_tells_nothing():
    with pytest.raises(ValueError, match="two models are compared on two subjects or more, got 1"):
        Difference.of(VALUES[:3], np.array(["a", "a", "a"]))
