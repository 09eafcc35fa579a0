"""The skull: smooth sections from the crown to the chin, before any feature is put on them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from components.synthetic.shape.chart import HALF_WIDTH
from components.synthetic.shape.proportions import CHIN, MOUTH_Y, NOSE_BASE, TOP
from components.synthetic.shape.splines import bell, smoothstep, spline

# Depth in cm (towards the camera) along the middle of the face, along its side and along the middle of the back. Below
# the ears the back is the floor of the jaw, which rises from the chin to the throat.
# fmt: off
FRONT = spline(
    [(TOP, -1.0), (-12.2, 0.6), (-12.0, 1.9), (-11.5, 3.7), (-10.8, 5.2), (-10.0, 6.3), (-8.5, 7.7), (-7.0, 8.5),
     (-5.0, 9.0), (-3.0, 9.15), (-1.8, 9.1), (-0.5, 8.7), (1.0, 8.5), (3.0, 8.5), (5.0, 8.7), (6.5, 8.9),
     (8.0, 8.75), (9.0, 8.55), (10.0, 8.75), (10.7, 8.8), (11.2, 8.5), (11.45, 8.15), (11.55, 7.9), (CHIN, 7.3)]
)
SIDE = spline(
    [(TOP, -1.0), (-8.0, -1.0), (-4.0, -0.3), (0.0, 0.6), (3.0, 0.8), (5.0, 1.2), (6.5, 1.9), (8.0, 3.0),
     (9.2, 4.2), (10.0, 5.1), (10.7, 6.0), (11.2, 6.6), (CHIN, 7.3)]
)
BACK = spline(
    [(TOP, -1.0), (-12.2, -2.4), (-12.0, -3.6), (-11.5, -5.3), (-10.8, -6.7), (-10.0, -7.8), (-8.5, -9.0),
     (-7.0, -9.6), (-4.0, -9.8), (-1.0, -9.2), (2.0, -7.5), (4.0, -6.0), (5.5, -4.0), (7.0, -1.5), (8.0, 0.5),
     (9.2, 2.8), (10.0, 4.2), (11.0, 5.9), (CHIN, 7.3)]
)
# fmt: on
_BOXY = 0.86  # exponent of a section's roundness: 1 is an ellipse, less is a little boxier


def skull(angle: np.ndarray, y: np.ndarray, shape: Mapping[str, float]) -> np.ndarray:
    """Points (..., 3), (x, y, z) in cm, at angles about the vertical axis and chart heights y (equal shapes)."""
    half = HALF_WIDTH(y) * width_factor(y, shape)
    side, cosine = SIDE(y), np.cos(angle)
    flat = np.sign(cosine) * np.abs(cosine) ** _BOXY
    depth = np.where(cosine >= 0.0, (FRONT(y) - side) * flat, (side - BACK(y)) * flat)
    return np.stack([half * np.sin(angle), lengthen(y, shape), side + depth], axis=-1)


def width_factor(y: np.ndarray, shape: Mapping[str, float]) -> np.ndarray:
    """How much wider than the mean this head is at chart height y; a factor is what one unit of a trait adds."""
    factor = np.full(np.shape(y), 1.0 + 0.035 * shape["width"])
    factor = factor + 0.035 * shape["jaw_width"] * bell(y - 8.0, 2.0)
    factor = factor + 0.06 * shape["chin_width"] * bell(y - 10.8, 0.9)
    factor = factor + 0.02 * shape["forehead_width"] * bell(y + 6.0, 3.0)
    return factor + 0.02 * shape["cheekbones"] * bell(y - 2.0, 1.8)


def lengthen(y: np.ndarray, shape: Mapping[str, float]) -> np.ndarray:
    """Chart height -> height in cm of this head; a factor is what one unit of a trait adds."""
    above = np.minimum(y, 0.0) * 0.02 * shape["skull_height"]
    middle = np.clip(y, 0.0, NOSE_BASE) * 0.035 * shape["mid_length"]
    below = np.maximum(y - NOSE_BASE, 0.0) * 0.055 * shape["lower_length"]
    return y + above + middle + below + 0.15 * shape["mouth_height"] * bell(y - MOUTH_Y, 1.2)


def front(angle: np.ndarray) -> np.ndarray:
    """1 on the front of the head, fading to 0 at its sides."""
    return smoothstep(np.cos(angle), 0.0, 0.35)
