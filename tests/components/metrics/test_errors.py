"""The normalised mean error, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from components.metrics import PROTOCOLS, landmark_errors, nme
from components.schemes import Scheme

TRUTH = np.array([[[0, 0], [10, 0], [5, 5]]], np.float32)


def test_an_error_is_a_euclidean_distance_in_px() -> None:
    # By hand: sides 3, 4 and 5; nothing; 1.
    predicted = TRUTH + np.array([[[3, 4], [0, 0], [0, -1]]], np.float32)
    assert [[5.0, 0.0, 1.0]] == landmark_errors(predicted, TRUTH).tolist()


def test_the_nme_is_the_mean_error_over_the_normaliser(three: Scheme) -> None:
    predicted = TRUTH + np.array([[[3, 4], [0, 0], [0, -1]]], np.float32)
    # By hand: (5 + 0 + 1) / 3 px over an eye distance of 10 px.
    assert [0.2] == nme(predicted, TRUTH, PROTOCOLS["inter_ocular"].normalise(TRUTH, three)).tolist()


def test_each_face_has_its_own_normaliser() -> None:
    predicted = np.concatenate([TRUTH, TRUTH]) + np.float32(1)
    # By hand: sqrt 2 px each, over 1 px and over 2 px.
    np.testing.assert_allclose(
        nme(predicted, np.concatenate([TRUTH, TRUTH]), np.array([1.0, 2.0])), [2**0.5, 2**0.5 / 2]
    )


def test_large_coordinates_lose_no_digits() -> None:
    truth = np.full((1, 1, 2), 4000.25, np.float32)
    predicted = truth + np.float32(0.0078125)  # exact in float32 at this size
    np.testing.assert_allclose(landmark_errors(predicted, truth), [[2**0.5 * 0.0078125]], rtol=1e-12)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan])
def test_a_normaliser_that_is_not_above_0_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="a normaliser is not above 0"):
        nme(TRUTH, TRUTH, np.array([wrong]))


@pytest.mark.parametrize(
    ("predicted", "normaliser"), [(TRUTH[:, :2], np.ones(1)), (TRUTH, np.ones(2)), (TRUTH, np.ones((1, 1)))]
)
def test_shapes_that_do_not_go_together_are_refused(predicted: np.ndarray, normaliser: np.ndarray) -> None:
    with pytest.raises(ValueError, match="shapes do not match"):
        nme(predicted, TRUTH, normaliser)
