"""Normalisers, each by hand."""

from __future__ import annotations

import numpy as np
import pytest

from components.metrics.normalisers import NORMALISERS, tight_boxes
from components.schemes import COFW29, IBUG68, SCHEMES, WFLW98, Scheme

# Eyes at (10, 10) and (13, 14), a nose at (10, 18): the tight box is 3 wide and 8 high.
TRUTH = np.array([[[10.0, 10.0], [13.0, 14.0], [10.0, 18.0]]])
# 12 wide, 27 high: sqrt(12 * 27) = 18; the diagonal of 12 and 5 below is 13.
BOXES = np.array([[5.0, 1.0, 17.0, 28.0]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("annotated_box_size", 18.0),
        ("box_size", 24**0.5),  # sqrt(3 * 8)
        ("box_diagonal", 73**0.5),  # sqrt(3^2 + 8^2)
        ("crop_side", 1.0),  # of a crop's own unit
        ("inter_ocular", 5.0),  # a triangle of sides 3, 4 and 5
        ("inter_pupil", 5.0),
    ],
)
def test_a_normaliser_by_hand(three: Scheme, name: str, expected: float) -> None:
    assert [expected] == pytest.approx(NORMALISERS[name](TRUTH, BOXES, three))


def test_the_diagonal_of_the_annotated_box_by_hand(three: Scheme) -> None:
    boxes = np.array([[0.0, 0.0, 12.0, 5.0]])
    assert [13.0] == NORMALISERS["annotated_box_diagonal"](TRUTH, boxes, three).tolist()


@pytest.mark.parametrize(
    ("scheme", "right", "left"), [(WFLW98, 60, 72), (IBUG68, 36, 45), (COFW29, 8, 9)], ids=lambda value: str(value)[:9]
)
def test_inter_ocular_is_the_distance_of_the_papers_outer_eye_corners(scheme: Scheme, right: int, left: int) -> None:
    # The indices are HIH's, STAR's and ADNet's.
    truth = np.zeros((1, scheme.num_landmarks, 2))
    truth[0, right], truth[0, left] = (10, 10), (13, 14)
    assert [5.0] == NORMALISERS["inter_ocular"](truth, BOXES, scheme).tolist()


def test_inter_pupil_of_cofw_is_the_distance_of_its_pupils() -> None:
    truth = np.zeros((1, 29, 2))
    truth[0, 16], truth[0, 17] = (10, 10), (13, 14)  # STAR's and ADNet's indices
    assert [5.0] == NORMALISERS["inter_pupil"](truth, BOXES, COFW29).tolist()


def test_inter_pupil_of_300w_is_the_distance_of_the_means_of_the_eyes() -> None:
    truth = np.zeros((1, 68, 2))
    truth[0, 36:42] = [(0, 0), (1, 1), (2, 1), (3, 0), (2, -1), (1, -1)]
    truth[0, 42:48] = truth[0, 36:42] + [6, 8]
    # By hand: the means are (1.5, 0) and (7.5, 8): sides 6, 8 and 10.
    assert [10.0] == NORMALISERS["inter_pupil"](truth, BOXES, IBUG68).tolist()


def test_a_tight_box_is_of_the_labelled_landmarks() -> None:
    truth = np.array([[[1, 9], [3, 5], [np.nan, np.nan]], [[1, 9], [3, 5], [-7, np.nan]], [[np.nan] * 2] * 3])
    # By hand: x 1 to 3, y 5 to 9; half a position is none; nothing to be around.
    np.testing.assert_array_equal([[1, 5, 3, 9], [1, 5, 3, 9], [np.nan] * 4], tight_boxes(truth))


@pytest.mark.parametrize("name", sorted(NORMALISERS))
def test_where_what_it_is_taken_from_is_missing_a_normaliser_is_not_known(three: Scheme, name: str) -> None:
    nowhere = NORMALISERS[name](np.full((2, 3, 2), np.nan), np.full((2, 4), np.nan), three)
    np.testing.assert_array_equal(np.ones(2) if name == "crop_side" else [np.nan] * 2, nowhere)


def test_an_inverted_box_has_no_size(three: Scheme) -> None:
    # Both sides negative: their product alone would look like a box.
    assert np.isnan(NORMALISERS["annotated_box_size"](TRUTH, BOXES[:, [2, 3, 0, 1]], three)).all()


@pytest.mark.parametrize("name", sorted(set(NORMALISERS) - {"crop_side"}))
def test_a_normaliser_grows_with_the_face_and_ignores_where_it_is(name: str) -> None:
    truth = np.random.default_rng(0).normal(size=(4, 68, 2))
    boxes = tight_boxes(truth) + np.array([-1, -2, 3, 4])
    once = NORMALISERS[name](truth, boxes, IBUG68)
    np.testing.assert_allclose(3 * once, NORMALISERS[name](truth * 3 + 100, boxes * 3 + 100, IBUG68))


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("name", sorted(NORMALISERS))
def test_a_normaliser_is_the_same_for_a_mirrored_face(name: str, scheme: Scheme) -> None:
    truth = np.random.default_rng(0).normal(size=(4, scheme.num_landmarks, 2))
    boxes = tight_boxes(truth) + np.array([-1, -2, 3, 4])
    mirrored, mirrored_boxes = (truth * [-1, 1])[:, list(scheme.flip)], boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1]
    expected = NORMALISERS[name](truth, boxes, scheme)
    np.testing.assert_allclose(expected, NORMALISERS[name](mirrored, mirrored_boxes, scheme))
