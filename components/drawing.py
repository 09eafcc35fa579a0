"""Landmarks drawn on pictures, for people to look at.

Pictures are (H, W, 3) uint8, RGB; landmarks (K, 2), (x, y), px of the picture given, pixel centres at integers.
Nothing is drawn for a landmark that is not finite.
"""

from __future__ import annotations

import cv2
import numpy as np

from components.geometry import enlarge
from components.schemes import Scheme

TRUTH = (64, 224, 96)  # green
PREDICTED = (255, 84, 40)  # orange red
BETWEEN = (255, 224, 64)  # yellow

# OpenCV draws at fixed-point positions: 8 bits are 1/256 px.
_SHIFT = 8


def draw_landmarks(
    image: np.ndarray,
    landmarks: np.ndarray,
    scheme: Scheme | None = None,
    color: tuple[int, int, int] = TRUTH,
    scale: float = 1.0,
    hidden: np.ndarray | None = None,
) -> np.ndarray:
    """Draws a dot per landmark, a ring of a hidden one, and, given a scheme, its outlines.

    Args:
        image: (H, W, 3) uint8, RGB; stays as it is.
        landmarks: (K, 2), (x, y), px of `image`; may lie outside.
        scheme: Whose outlines join the dots; None for dots alone.
        color: RGB.
        scale: Enlargement of the picture before drawing, so that the dots stay sharp.
        hidden: (K,) bool; None of none.

    Returns:
        (round(H * scale), round(W * scale), 3) uint8, RGB.
    """
    canvas, factors = _resized(image, scale)
    return _draw_face(canvas, enlarge(np.asarray(landmarks, np.float64), factors), scheme, color, hidden)


def draw_face_pair(
    image: np.ndarray, truth: np.ndarray, predicted: np.ndarray, scheme: Scheme | None = None, scale: float = 1.0
) -> np.ndarray:
    """Draws the truth in green, the prediction in orange, and a line from each landmark's truth to its prediction.

    Args:
        image: (H, W, 3) uint8, RGB; stays as it is.
        truth: (K, 2), (x, y), px of `image`.
        predicted: (K, 2), the same.
        scheme: Whose outlines join the dots; None for dots alone.
        scale: Enlargement of the picture before drawing.

    Returns:
        (round(H * scale), round(W * scale), 3) uint8, RGB.
    """
    canvas, factors = _resized(image, scale)
    truth, predicted = (enlarge(np.asarray(marks, np.float64), factors) for marks in (truth, predicted))
    canvas = _draw_lines(canvas, [np.stack(pair) for pair in zip(truth, predicted, strict=True)], BETWEEN, opacity=0.9)
    canvas = _draw_face(canvas, truth, scheme, TRUTH)
    return _draw_face(canvas, predicted, scheme, PREDICTED)


def _resized(image: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture enlarged, and how much by: (2,), (x, y), the exact ratio of the rounded sides."""
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    canvas = image.copy() if size == (width, height) else cv2.resize(image, size, interpolation=interpolation)
    return canvas, np.array([size[0] / width, size[1] / height])


def _draw_face(
    canvas: np.ndarray,
    landmarks: np.ndarray,
    scheme: Scheme | None,
    color: tuple[int, int, int],
    hidden: np.ndarray | None = None,
) -> np.ndarray:
    if scheme is not None:
        canvas = _draw_lines(canvas, [landmarks[list(outline)] for outline in scheme.outlines], color, opacity=0.45)
    radius = max(1.0, 0.006 * max(canvas.shape[:2]))
    rings = np.zeros(len(landmarks), bool) if hidden is None else hidden
    for (x, y), ring in zip(landmarks, rings, strict=True):
        if np.isfinite([x, y]).all():
            # A ring as wide as two fifths of its radius, and a little larger, so that there is room inside.
            outer, hole = (1.25 * radius, 0.75 * radius) if ring else (radius, 0.0)
            _draw_dot(canvas, x, y, outer, np.array(color, np.float64), hole)
    return canvas


def _draw_lines(canvas: np.ndarray, lines: list[np.ndarray], color: tuple[int, int, int], opacity: float) -> np.ndarray:
    """Joins the (n, 2) points of each line, one pixel wide, and lets the picture shine through."""
    inked = canvas.copy()
    for line in lines:
        finite = line[np.isfinite(line).all(axis=-1)]
        # Far outside is as good as any place outside, and must not overflow 32 bits.
        fixed = np.rint(np.clip(finite, -1e6, 1e6) * 2**_SHIFT).astype(np.int32)
        if len(fixed) > 1:
            cv2.polylines(inked, [fixed[:, None]], False, color, 1, cv2.LINE_AA, _SHIFT)
    return cv2.addWeighted(inked, opacity, canvas, 1 - opacity, 0)


def _draw_dot(canvas: np.ndarray, x: float, y: float, radius: float, color: np.ndarray, hole: float = 0.0) -> None:
    """Paints a disc in place, each pixel by the share of it that is covered; with a hole of some radius, a ring.

    Not `cv2.circle`: its antialiased discs are half a pixel too wide and up to 0.06 px off, as much as what
    these pictures are to show.
    """
    height, width = canvas.shape[:2]
    half = radius + 1
    x0, x1 = np.clip([np.floor(x - half), np.ceil(x + half) + 1], 0, width).astype(int)
    y0, y1 = np.clip([np.floor(y - half), np.ceil(y + half) + 1], 0, height).astype(int)
    rows, columns = np.ogrid[y0:y1, x0:x1]
    away = np.hypot(columns - x, rows - y)[..., None]
    covered = np.clip(radius + 0.5 - away, 0, 1)
    if hole:
        covered -= np.clip(hole + 0.5 - away, 0, 1)
    patch = canvas[y0:y1, x0:x1]
    patch[:] = np.rint(patch + covered * (color - patch))
