"""Boxes."""

from __future__ import annotations

import numpy as np
import pytest

from components.samples import Box, tight_boxes


def test_the_box_around_landmarks_is_tight() -> None:
    # By hand: the smallest and the largest x and y.
    assert Box(1.0, 2.0, 5.0, 9.0) == Box.around(np.array([[5, 3], [1, 9], [2, 2]], np.float32))


def test_a_box_has_the_width_and_height_between_its_edges() -> None:
    box = Box(1.5, 2.0, 5.0, 9.0)
    assert (3.5, 7.0) == (box.width, box.height)


def test_a_box_is_of_plain_numbers_whatever_the_landmarks_are() -> None:
    assert [float] * 4 == [type(edge) for edge in Box.around(np.ones((2, 2), np.float32))]


def test_the_box_is_of_the_landmarks_that_have_a_position() -> None:
    nowhere = [np.nan, np.nan]
    assert Box(1.0, 2.0, 5.0, 9.0) == Box.around(np.array([nowhere, [5, 2], [1, 9], nowhere], np.float32))
    with pytest.raises(ValueError, match=r"^no landmark has a position$"):
        Box.around(np.array([nowhere], np.float32))


def test_the_tight_boxes_of_many_faces_are_those_of_each() -> None:
    faces = np.random.default_rng(0).uniform(-5, 300, (4, 7, 2)).astype(np.float32)
    faces[1, :3] = np.nan
    boxes = tight_boxes(faces)
    assert ((4, 4), np.float32) == (boxes.shape, boxes.dtype)
    assert [Box.around(face) for face in faces] == [Box(*box.tolist()) for box in boxes]


def test_a_face_without_any_landmark_has_no_box() -> None:
    assert np.isnan(tight_boxes(np.full((1, 3, 2), np.nan))).all()
    assert np.isnan(tight_boxes(np.zeros((1, 0, 2)))).all()
