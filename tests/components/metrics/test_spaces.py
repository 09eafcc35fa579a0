"""Spaces: the crop that a distance is taken in, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from components.metrics.spaces import BOXES, crop_boxes, unit_lengths

TRUTH = np.array([[[10.0, 20.0], [50.0, 40.0], [np.nan, np.nan]]])
ANNOTATED = np.array([[0.0, 25.0, 30.0, 60.0]])


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ("landmarks", [10, 20, 50, 40]),
        ("annotated", [0, 25, 30, 60]),
        # By hand: of both together, the least x and y and the greatest.
        ("landmarks+annotated", [0, 20, 50, 60]),
    ],
)
def test_a_crop_is_made_of_landmarks_annotated_box_or_both(box: str, expected: list[float]) -> None:
    assert [expected] == crop_boxes(TRUTH, ANNOTATED, box).tolist()


@pytest.mark.parametrize("box", BOXES)
def test_without_an_annotated_box_there_is_no_crop_of_it(box: str) -> None:
    nowhere = np.isnan(crop_boxes(TRUTH, np.full((1, 4), np.nan), box)).all()
    assert (box != "landmarks") == nowhere


@pytest.mark.parametrize(
    ("space", "expand", "expected"),
    [
        ("image", (1.2, 1.2), [1, 1]),
        ("stretched", (1.0, 1.0), [40, 20]),
        ("stretched", (1.2, 1.0), [48, 20]),  # PIPNet widens alone
        ("square", (1.2, 1.2), [48, 48]),  # PFLD: 1.2 times the longer side
    ],
)
def test_a_unit_is_a_px_or_a_side_of_the_crop(space: str, expand: tuple[float, float], expected: list[float]) -> None:
    # A box 40 wide and 20 high.
    assert expected == pytest.approx(unit_lengths(np.array([[10.0, 20, 50, 40]]), space, expand)[0])
