"""Normalisers: the length of a face that its errors are divided by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from components.samples import tight_boxes
from components.schemes import Scheme


def sides(boxes: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) -> their widths and heights (N, 2)."""
    return boxes[:, 2:] - boxes[:, :2]


def size(boxes: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) -> sqrt(width * height) (N,), the side of the square of equal area; NaN for an inverted box."""
    width, height = np.where(sides(boxes) >= 0, sides(boxes), np.nan).T
    return np.sqrt(width * height)


def diagonal(boxes: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) -> sqrt(width^2 + height^2) (N,)."""
    return np.hypot(*sides(boxes).T)


def _inter_ocular(truth: np.ndarray, boxes: np.ndarray, scheme: Scheme) -> np.ndarray:
    right, left = scheme.inter_ocular
    return np.linalg.norm(truth[:, right] - truth[:, left], axis=-1)


def _inter_pupil(truth: np.ndarray, boxes: np.ndarray, scheme: Scheme) -> np.ndarray:
    right, left = (truth[:, list(pupil)].mean(axis=1) for pupil in scheme.pupils)
    return np.linalg.norm(right - left, axis=-1)


# (truth (N, K, 2), annotated boxes (N, 4), scheme) -> (N,), all in one unit; NaN where a landmark or box is missing.
# `crop_side` is 1 in the unit of a crop: HIH's code divides AFLW's errors by the crop's width.
NORMALISERS: dict[str, Callable[[np.ndarray, np.ndarray, Scheme], np.ndarray]] = {
    "annotated_box_diagonal": lambda truth, boxes, scheme: diagonal(boxes),
    "annotated_box_size": lambda truth, boxes, scheme: size(boxes),
    "box_diagonal": lambda truth, boxes, scheme: diagonal(tight_boxes(truth)),
    "box_size": lambda truth, boxes, scheme: size(tight_boxes(truth)),
    "crop_side": lambda truth, boxes, scheme: np.ones(len(truth)),
    "inter_ocular": _inter_ocular,
    "inter_pupil": _inter_pupil,
}
