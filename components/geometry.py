"""Affine maps, and the one pair of functions between crop px and heatmap cells.

An affine is a (2, 3) or (N, 2, 3) float64 array A: x' = A[:, :2] @ x + A[:, 2], on (x, y), pixel centres at integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:  # most workers that use this file need no torch
    import torch

Array = TypeVar("Array", np.ndarray, "torch.Tensor")


def enlarge(coordinates: Array, factor: float | Array) -> Array:
    """Pixels of a picture -> of the same picture `factor` times as large: its edges, not its pixels' centres, stay.

    Args:
        coordinates: Any shape.
        factor: Of all coordinates, or of each, as (2,) for (x, y).

    >>> enlarge(np.array([-0.5, 0.0, 9.5]), 4)  # the left edge, the first pixel's centre, the right edge of ten pixels
    array([-0.5,  1.5, 39.5])
    """
    return (coordinates + 0.5) * factor - 0.5


def enlargement(factor: float) -> np.ndarray:
    """`enlarge` as an affine (2, 3)."""
    return np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2]])


def to_cells(landmarks: Array, stride: int) -> Array:
    """Crop px -> cells, centre-based: cell i is centred on i. Any shape.

    >>> to_cells(np.array([1.5, 13.5]), stride=4)  # the middles of cells 0 and 3
    array([0., 3.])
    """
    return (landmarks + 0.5) / stride - 0.5


def from_cells(cells: Array, stride: int) -> Array:
    """Cells, centre-based -> crop px; the inverse of `to_cells`."""
    return enlarge(cells, stride)


def apply(affine: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Moves landmarks (..., K, 2) by affine (..., 2, 3); float32 in gives float32 out."""
    moved = landmarks.astype(np.float64) @ np.swapaxes(affine[..., :2], -1, -2) + affine[..., None, :, 2]
    return moved.astype(landmarks.dtype)


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The affine (..., 2, 3) that does `first`, then `second`."""
    linear = second[..., :2] @ first[..., :2]
    offset = second[..., :2] @ first[..., 2:] + second[..., 2:]
    return np.concatenate([linear, offset], axis=-1)


def invert(affine: np.ndarray) -> np.ndarray:
    """The affine (..., 2, 3) that undoes this one.

    Raises:
        numpy.linalg.LinAlgError: It has none (a zero scale).
    """
    linear = np.linalg.inv(affine[..., :2])
    return np.concatenate([linear, -linear @ affine[..., 2:]], axis=-1)


def mirror(landmarks: np.ndarray, width: int) -> np.ndarray:
    """Where landmarks (..., 2), (x, y), px, are in the mirror image of a picture: x -> width - 1 - x.

    Which landmark each is changes too: the scheme's `flip` says into which.
    """
    return np.stack([width - 1 - landmarks[..., 0], landmarks[..., 1]], -1)


def from_unit(affine: np.ndarray, source: int, target: int) -> np.ndarray:
    """An affine (..., 2, 3) between squares from -1 to 1 as one between square pictures, px; the inverse of `to_unit`."""
    outer = np.array([[target / 2, 0, (target - 1) / 2], [0, target / 2, (target - 1) / 2]])
    inner = np.array([[2 / source, 0, 1 / source - 1], [0, 2 / source, 1 / source - 1]])
    return compose(outer, compose(affine, inner))


def similarity(
    angle_deg: np.ndarray, scale: np.ndarray, shift: np.ndarray, flip: np.ndarray, source: int, target: int
) -> np.ndarray:
    """Views of square pictures: rotate and scale about the centre, shift, perhaps mirror.

    Args:
        angle_deg: (N,), clockwise as seen, since y points down.
        scale: (N,), > 1 enlarges.
        shift: (N, 2), (x, y), target px, applied last but for the mirror.
        flip: (N,) bool; mirrors the finished view: x -> target - 1 - x.
        source: Side of the source pictures, px.
        target: Side of the views, px.

    Returns:
        (N, 2, 3), source px -> view px.
    """
    cos, sin = np.cos(np.deg2rad(angle_deg)) * scale, np.sin(np.deg2rad(angle_deg)) * scale
    linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    centre = np.full((len(scale), 2, 1), (source - 1) / 2)
    offset = (target - 1) / 2 + shift[..., None] - linear @ centre
    view = np.concatenate([linear, offset], axis=-1)
    mirror = np.where(flip[:, None, None], [[-1.0, 0.0, target - 1.0], [0.0, 1.0, 0.0]], [[1.0, 0, 0], [0, 1.0, 0]])
    return compose(mirror, view)


def into_unit(side: int) -> np.ndarray:
    """The affine (2, 3), px of a square picture -> the square from -1 to 1, edge to edge."""
    return np.array([[2 / side, 0, 1 / side - 1], [0, 2 / side, 1 / side - 1]])


def out_of_unit(side: int) -> np.ndarray:
    """The affine (2, 3), the square from -1 to 1 -> px of a square picture; the inverse of `into_unit`."""
    return np.array([[side / 2, 0, (side - 1) / 2], [0, side / 2, (side - 1) / 2]])


def to_unit(affine: np.ndarray, source: int, target: int) -> np.ndarray:
    """An affine (..., 2, 3) between square pictures of these sides, px, as one between squares from -1 to 1, edge to edge.

    That is what torch's `affine_grid` takes with align_corners=False, whatever the number of cells.
    """
    return compose(into_unit(target), compose(affine, out_of_unit(source)))
