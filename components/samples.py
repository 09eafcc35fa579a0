"""What a face is on its way through the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


def tight_boxes(landmarks: np.ndarray) -> np.ndarray:
    """The tight boxes of those among landmarks (N, K, 2), (x, y), that have a position; those without one are NaN.

    Returns:
        (N, 4), x0, y0, x1, y1, in the landmarks' unit and type; NaN for a face without any.
    """
    labelled = np.isfinite(landmarks).all(axis=-1, keepdims=True)
    low = np.where(labelled, landmarks, np.inf).min(axis=1, initial=np.inf)
    high = np.where(labelled, landmarks, -np.inf).max(axis=1, initial=-np.inf)
    boxes = np.concatenate([low, high], axis=1)
    return np.where(np.isfinite(boxes).all(axis=1, keepdims=True), boxes, np.nan)


class Box(NamedTuple):
    """An axis-parallel box, (x0, y0) to (x1, y1), image px, pixel centres at integers.

    >>> Box.around(np.array([[3.0, 4.0], [9.0, 2.0]]))
    Box(x0=3.0, y0=2.0, x1=9.0, y1=4.0)
    """

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @classmethod
    def around(cls, landmarks: np.ndarray) -> Box:
        """The tight box of the landmarks (K, 2), (x, y), that have a position; those without one are NaN.

        Raises:
            ValueError: None has.
        """
        box = tight_boxes(landmarks[None])[0]
        if np.isnan(box).any():
            raise ValueError("no landmark has a position")
        return cls(*box.tolist())


@dataclass(frozen=True, eq=False)
class Annotation:
    """One labelled face, as its dataset's reader gives it.

    Attributes:
        face: Unique within the dataset; stable from one ingest to the next.
        image: Name of the picture, for the dataset's `picture`: its path, relative to the dataset's folder, with
            forward slashes, or FILE#VARIABLE/NUMBER of one in a cell array.
        landmarks: (K, 2) float32, (x, y), image px, 0-based; may lie outside the picture. NaN, both of them, where
            the dataset gives no position.
        visible: (K,) bool; False where the dataset says that a landmark is hidden (its position still counts, if it
            has one). A landmark without a position is never visible.
        subject: Who or which photo; faces of one subject never part between splits.
        box: The dataset's own box, or None.
        subsets: Named groups that metrics are reported for.
        split: "train" or "test" where the benchmark fixes it, else None.
    """

    face: str
    image: str
    landmarks: np.ndarray
    visible: np.ndarray
    subject: str
    box: Box | None = None
    subsets: tuple[str, ...] = ()
    split: str | None = None


@dataclass(frozen=True, eq=False)
class Crop:
    """A face cut out of its picture, with room for augmentation around it.

    Attributes:
        pixels: (H, W, 3) uint8, RGB.
        landmarks: (K, 2) float32, (x, y), crop px.
        affine: (2, 3) float64, image px -> crop px.
    """

    pixels: np.ndarray
    landmarks: np.ndarray
    affine: np.ndarray
