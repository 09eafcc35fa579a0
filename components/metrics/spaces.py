"""Spaces: where a distance is taken. In the picture, or in its authors' crop, which may be stretched."""

from __future__ import annotations

import numpy as np

from components.metrics.normalisers import sides
from components.samples import tight_boxes

SPACES = ("image", "square", "stretched")
BOXES = ("annotated", "landmarks", "landmarks+annotated")


def crop_boxes(truth: np.ndarray, annotated: np.ndarray, box: str) -> np.ndarray:
    """The boxes (N, 4), image px, that a crop is made of.

    Args:
        truth: (N, K, 2), (x, y), image px.
        annotated: (N, 4), image px; NaN where there is none.
        box: One of `BOXES`; "landmarks+annotated" is the tight box of the landmarks and the annotated box's corners.
    """
    if box == "annotated":
        return annotated
    tight = tight_boxes(truth)
    if box == "landmarks":
        return tight
    low, high = np.minimum(tight[:, :2], annotated[:, :2]), np.maximum(tight[:, 2:], annotated[:, 2:])
    return np.concatenate([low, high], axis=1)


def unit_lengths(boxes: np.ndarray, space: str, expand: tuple[float, float]) -> np.ndarray:
    """The lengths (N, 2), image px, of one unit of the space along x and along y.

    "image": 1 px, 1 px. "stretched": the crop's width and height, which are `expand` times the box's: the crop is
    resized to a square whatever its shape. "square": `expand` times the longer side, along both axes.

    Args:
        boxes: (N, 4), image px.
        space: One of `SPACES`.
        expand: Of the box's width and height.
    """
    if space == "image":
        return np.ones((len(boxes), 2))
    lengths = sides(boxes) * expand
    return lengths if space == "stretched" else np.repeat(lengths.max(axis=1, keepdims=True), 2, axis=1)
