"""CED, failure rate and AUC: by hand, and against the published integration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import simpson

from components.metrics import auc, ced, failure_rate

ERRORS = np.array([0.02, 0.04, 0.10, 0.30])
faces = st.lists(st.floats(0, 0.5), min_size=1, max_size=40).map(np.array)


def test_the_ced_counts_faces_up_to_and_including_the_threshold() -> None:
    # By hand: none below 0.02; 0.02 itself counts; two; three, 0.10 included; all.
    assert [0.0, 0.25, 0.5, 0.75, 1.0] == ced(ERRORS[::-1], np.array([0.01, 0.02, 0.05, 0.10, 0.30])).tolist()


def test_a_face_fails_above_the_threshold_not_at_it() -> None:
    # By hand: of 0.02, 0.04, 0.10, 0.30 only the last lies above 0.10, two above 0.04.
    assert (0.25, 0.5) == (failure_rate(ERRORS, 0.10), failure_rate(ERRORS, 0.04))


def test_the_auc_by_hand() -> None:
    # (0.8 + 0.6 + 0 + 0) / 4: how much of the interval to 0.10 is left beyond each error.
    assert 0.35 == pytest.approx(auc(ERRORS, 0.10))


def test_perfect_faces_have_an_auc_of_1_and_lost_ones_of_0() -> None:
    assert (1.0, 0.0) == (auc(np.zeros(3), 0.1), auc(np.ones(3), 0.1))


@pytest.mark.parametrize("scale", [0.02, 0.05, 0.2])
def test_the_auc_is_simpsons_integral_of_the_ced_as_published(scale: float) -> None:
    errors = np.random.default_rng(0).gamma(4, scale / 4, 500)
    grid = np.arange(0, 0.1001, 1e-4)  # 1,001 points, as in HIH's released code
    published = simpson([np.mean(errors <= threshold) for threshold in grid], x=grid) / 0.1
    assert published == pytest.approx(float(auc(errors, 0.1)), abs=1e-3)


@given(faces, st.floats(0.01, 0.6))
def test_without_failures_the_auc_follows_from_the_mean(errors: np.ndarray, threshold: float) -> None:
    kept = errors[errors <= threshold]
    if len(kept):
        assert 0.0 == failure_rate(kept, threshold)
        assert 1 - kept.mean() / threshold == pytest.approx(auc(kept, threshold), abs=1e-9)


@given(faces, st.floats(0.01, 0.6))
def test_the_failure_rate_is_what_the_ced_has_not_reached(errors: np.ndarray, threshold: float) -> None:
    assert 1 - ced(errors, np.array([threshold]))[0] == pytest.approx(failure_rate(errors, threshold), abs=1e-12)


@given(faces)
def test_the_ced_rises_from_0_to_1_in_any_order_of_faces(errors: np.ndarray) -> None:
    grid = np.linspace(0, 0.5, 20)
    curve = ced(errors, grid)
    assert (np.diff(curve) >= 0).all()
    assert 1.0 == curve[-1]
    np.testing.assert_array_equal(curve, ced(errors[::-1], grid))


def test_resamples_are_measured_along_an_axis() -> None:
    samples = np.stack([ERRORS, ERRORS[::-1], np.zeros(4)])
    assert [0.25, 0.25, 0.0] == failure_rate(samples, 0.1, axis=-1).tolist()
    np.testing.assert_allclose(auc(samples, 0.1, axis=-1), [0.35, 0.35, 1.0])
    np.testing.assert_allclose(auc(samples.T, 0.1, axis=0), [0.35, 0.35, 1.0])
