"""Smooth-edged shapes in the picture: filled polygons and lines, drawn twice as large and averaged."""

from __future__ import annotations

import cv2
import numpy as np

from components.geometry import from_cells

FRACTION = 4  # bits behind the point of OpenCV's corners: a 16th of a px
_OVER = 2


def fixed(points: np.ndarray) -> np.ndarray:
    """px (..., 2) -> int32 as OpenCV draws them with `FRACTION` bits behind the point."""
    return np.round(points * (1 << FRACTION)).astype(np.int32)


def fill(size: int, polygon: np.ndarray) -> np.ndarray:
    """(size, size) float32, 0..1: cover of a polygon (n, 2), (x, y), image px."""
    canvas = _canvas(size)
    cv2.fillPoly(canvas, [fixed(from_cells(polygon, _OVER))], 255, cv2.LINE_8, FRACTION)
    return _averaged(canvas)


def stroke(size: int, lines: list[np.ndarray], thickness: float) -> np.ndarray:
    """(size, size) float32, 0..1: cover of open lines, each (n, 2), (x, y), and their thickness, image px."""
    canvas = _canvas(size)
    for line in lines:
        corners = fixed(from_cells(line, _OVER))
        cv2.polylines(canvas, [corners], False, 255, max(round(thickness * _OVER), 1), cv2.LINE_AA, FRACTION)
    return _averaged(canvas)


def _canvas(size: int) -> np.ndarray:
    return np.zeros((size * _OVER, size * _OVER), np.uint8)


def _averaged(canvas: np.ndarray) -> np.ndarray:
    size = len(canvas) // _OVER
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
