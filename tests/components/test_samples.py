"""Boxes."""

from __future__ import annotations

import numpy as np
import pytest

from components.samples import Box


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
