"""Limits on landmarks and boxes, and what lies on a picture."""

from __future__ import annotations

import re

import numpy as np
import pytest

from components.datasets.plausible import check_eyes, check_sizes, inside_picture
from components.samples import Annotation, Box
from components.schemes import IBUG68

SQUARE = [[0, 0], [10, 0], [0, 10], [10, 10]]


def face(landmarks: list, box: Box | None = None) -> Annotation:
    marks = np.array(landmarks, np.float32)
    return Annotation("f", "f.jpg", marks, np.isfinite(marks).all(axis=1), "s", box=box)


def test_a_picture_reaches_half_a_pixel_beyond_its_outer_centres() -> None:
    # By hand: 20 px wide is -0.5 to 19.5, 10 px high is -0.5 to 9.5.
    landmarks = np.array([[-0.5, -0.5], [19.4, 9.4], [-0.6, 5], [19.5, 5], [5, 9.5], [np.nan, 5]])
    assert [True, True, False, False, False, False] == inside_picture(landmarks, width=20, height=10).tolist()


def moved(*landmark: float) -> Annotation:
    """A face of 10 by 10 px, with one more landmark."""
    return face([*SQUARE, landmark])


@pytest.mark.parametrize("far", [(-30.5, 5), (59.5, 5), (5, -30.5), (5, 49.5), (np.nan, np.nan)])
def test_a_landmark_may_lie_outside_its_picture_by_the_longer_side(far: tuple) -> None:
    # By hand: edges of a picture of 30 by 20 px are at -0.5, 29.5 and 19.5; 30 px more.
    check_sizes(moved(*far), 30, 20)


@pytest.mark.parametrize("far", [(-30.6, 5), (59.6, 5), (5, -30.6), (5, 49.6), (5, 1e30)])
def test_a_landmark_farther_out_is_refused(far: tuple) -> None:
    message = r"^f: a landmark lies .* px outside its picture of 30 x 20; at most 1 of its longer sides pass$"
    with pytest.raises(ValueError, match=message):
        check_sizes(moved(*far), 30, 20)


def test_a_box_may_be_as_long_as_four_pictures_and_as_short_as_four_px() -> None:
    for box in (Box(0, 0, 120, 3), Box(0, 0, 4, 1), Box(-60, 0, 60, 120)):
        check_sizes(face(SQUARE, box), 30, 20)
    check_sizes(face([[0, 0], [4, 1]]), 30, 20)


@pytest.mark.parametrize("box", [Box(0, 0, 120.1, 9), Box(0, -1e30, 9, 1e30)])
def test_a_longer_box_is_refused(box: Box) -> None:
    message = r"^f: the annotated box is .* px long in a picture of 30 x 20; at most 4 of its longer sides pass$"
    with pytest.raises(ValueError, match=message):
        check_sizes(face(SQUARE, box), 30, 20)


def test_a_shorter_box_or_face_is_refused() -> None:
    for annotation, what in (
        (face(SQUARE, Box(0, 0, 3.5, 3.5)), "annotated box is 3.5"),
        (face([[0, 0], [3.5, 3]]), "box of its landmarks is 3.5"),
    ):
        with pytest.raises(ValueError, match=f"^f: the {re.escape(what)} px long; at least 4 px are needed$"):
            check_sizes(annotation, 30, 20)


def test_eyes_that_are_one_point_are_no_face_and_corners_without_a_position_pass() -> None:
    landmarks = np.arange(136.0).reshape(68, 2)
    check_eyes(face(landmarks.tolist()), IBUG68)
    landmarks[36] = landmarks[45]
    with pytest.raises(ValueError, match=r"^f: the outer eye corners coincide$"):
        check_eyes(face(landmarks.tolist()), IBUG68)
    landmarks[[36, 45]] = np.nan
    check_eyes(face(landmarks.tolist()), IBUG68)
