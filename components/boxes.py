"""Boxes in which faces are to be found: as callers give them, checked, and around landmarks that were found."""

from __future__ import annotations

import numpy as np

from components.samples import tight_boxes


def boxes_on(picture: np.ndarray, boxes: object) -> np.ndarray:
    """The boxes (F, 4) float64, x0 y0 x1 y1, image px, in which faces of a picture (H, W, 3) are to be found.

    Args:
        picture: That the faces are on.
        boxes: (4,) or (F, 4); None: the whole picture is one face's.

    Raises:
        ValueError: They have another shape, or one of them is refused by `check_box`.
    """
    if boxes is None:
        return whole(picture)
    checked = np.asarray(boxes, np.float64)
    if checked.size and (checked.ndim > 2 or checked.shape[-1] != 4):
        raise ValueError(f"expected boxes (4,) or (F, 4), x0 y0 x1 y1, got {checked.shape}")
    checked = checked.reshape(-1, 4)
    for box in checked:
        check_box(box, picture)
    return checked


def whole(picture: np.ndarray) -> np.ndarray:
    """The box (1, 4) of a whole picture, from edge to edge: pixel centres are at integers."""
    height, width = picture.shape[:2]
    return np.array([[-0.5, -0.5, width - 0.5, height - 0.5]])


def check_box(box: np.ndarray, picture: np.ndarray) -> None:
    """Refuses a box in which nothing can be found.

    Raises:
        ValueError: It is not finite, has no area, or touches the picture nowhere.
    """
    x0, y0, x1, y1 = (float(side) for side in box)
    height, width = picture.shape[:2]
    shown = f"box {x0:g} {y0:g} {x1:g} {y1:g}"
    if not (np.isfinite(box).all() and x1 > x0 and y1 > y0):
        raise ValueError(f"{shown}: expected x0 < x1 and y0 < y1, px")
    if x1 < -0.5 or y1 < -0.5 or x0 > width - 0.5 or y0 > height - 0.5:
        raise ValueError(f"{shown} lies outside the picture of {width} x {height} px")


def around(landmarks: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The tight boxes (N, 4) of landmarks (N, K, 2), image px; where they all lie on a line, the boxes (N, 4) that are given."""
    tight = tight_boxes(landmarks.astype(np.float64))
    return np.where((tight[:, 2:] > tight[:, :2]).all(axis=1, keepdims=True), tight, boxes)
