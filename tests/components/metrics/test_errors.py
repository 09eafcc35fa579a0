"""The normalised mean error, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from components.metrics import PROTOCOLS, landmark_errors, nme
from components.metrics.errors import labelled_mean
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


def test_nothing_is_said_of_a_landmark_without_a_position() -> None:
    truth = np.array([[[0, 0], [np.nan, np.nan], [5, np.nan]]], np.float32)
    predicted = np.array([[[3, 4], [7, 7], [5, 5]]], np.float32)
    np.testing.assert_array_equal([[5.0, np.nan, np.nan]], landmark_errors(predicted, truth))


def test_the_mean_is_over_the_labelled_landmarks_of_each_face() -> None:
    truth = np.concatenate([TRUTH, TRUTH])
    truth[0, 2] = np.nan
    predicted = np.concatenate([TRUTH, TRUTH]) + np.array([3, 4], np.float32)
    predicted[0, 0] = truth[0, 0]
    # By hand, over 10 px: (0 + 5) / 2, and (5 + 5 + 5) / 3.
    assert [0.25, 0.5] == nme(predicted, truth, np.array([10.0, 10.0])).tolist()


@pytest.mark.parametrize("nowhere", [np.nan, np.inf, -np.inf])
def test_a_labelled_landmark_that_is_predicted_nowhere_is_an_infinite_error(nowhere: float) -> None:
    predicted = TRUTH.copy()
    predicted[0, 1, 1] = nowhere
    assert [[0.0, np.inf, 0.0]] == landmark_errors(predicted, TRUTH).tolist()
    assert [np.inf] == nme(predicted, TRUTH, np.ones(1)).tolist()


def test_a_face_without_any_landmark_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^1 of 1 faces have no labelled landmark$"):
        nme(TRUTH, TRUTH * np.float32(np.nan), np.ones(1))


def test_a_mean_over_nothing_is_not_known_and_nothing_warns() -> None:
    values = np.array([[1.0, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal([1.0, np.nan], labelled_mean(values))
    np.testing.assert_array_equal([1.0, np.nan], labelled_mean(values, axis=0))


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_a_normaliser_that_is_not_above_0_is_refused(wrong: float) -> None:
    with pytest.raises(
        ValueError, match=f"a normaliser is not above 0: 1 of 1 faces, the first is row 0 with {wrong};"
    ):
        nme(TRUTH, TRUTH, np.array([wrong]))


@pytest.mark.parametrize(
    ("predicted", "normaliser"), [(TRUTH[:, :2], np.ones(1)), (TRUTH, np.ones(2)), (TRUTH, np.ones((1, 1)))]
)
def test_shapes_that_do_not_go_together_are_refused(predicted: np.ndarray, normaliser: np.ndarray) -> None:
    with pytest.raises(ValueError, match="shapes do not match"):
        nme(predicted, TRUTH, normaliser)
