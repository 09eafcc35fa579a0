"""The features of a face at rest: what lifts nose, sockets, lips and chin off the skull.

A number before a bump is the cm that it moves the skin; one before a trait, the cm for each unit of the trait.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from components.synthetic.shape.chart import ANGLE, CHART_X, CHART_Y
from components.synthetic.shape.proportions import EYE_X, EYE_Y, MOUTH_Y
from components.synthetic.shape.skull import front, skull
from components.synthetic.shape.splines import bell, smoothstep, spline

FRONT_MASK = front(ANGLE)
SIDE_X = np.abs(CHART_X)

# How far the nose stands off the face along its ridge, and half its width there, cm.
# fmt: off
NOSE_RISE = spline(
    [(-1.6, 0.0), (-0.9, 0.25), (-0.2, 0.5), (0.6, 0.75), (2.0, 1.5), (3.4, 2.25), (4.1, 2.55), (4.5, 2.5), (4.9, 2.0),
     (5.2, 1.0), (5.5, 0.25), (5.9, 0.0)]
)
# fmt: on
NOSE_WIDTH = spline([(-1.6, 1.2), (-0.2, 0.78), (0.6, 0.66), (2.0, 0.76), (3.2, 0.80), (4.2, 0.88), (5.5, 0.90)])


def bump(x: float, y: float, wide: float, high: float) -> np.ndarray:
    """(R, C): 1 at the chart places (-x, y) and (x, y), falling off over wide and high cm."""
    return FRONT_MASK * bell(SIDE_X - x, wide) * bell(CHART_Y - y, high)


def rest(shape: Mapping[str, float]) -> np.ndarray:
    """The vertices (R, C, 3), (x, y, z) in cm, of this person's face at rest."""
    vertices = skull(ANGLE, CHART_Y, shape)
    vertices[..., 2] += _nose(shape) + _sockets(shape) + _mouth() + _bones(shape)
    sign = np.sign(CHART_X)
    vertices[..., 0] += sign * _sideways(shape)
    vertices[..., 1] += _downwards(shape)
    crooked = shape["asymmetry"] * 0.12 * (bump(0.0, 4.0, 1.5, 2.0) + 0.7 * bump(0.0, 8.0, 3.0, 2.0))
    vertices[..., 0] += crooked
    return vertices


def _nose(shape: Mapping[str, float]) -> np.ndarray:
    width = NOSE_WIDTH(CHART_Y)
    ridge = np.exp(-((SIDE_X / width) ** 2.0)) * FRONT_MASK
    rise = NOSE_RISE(CHART_Y + 0.22 * np.minimum(SIDE_X, 1.2) ** 2 * FRONT_MASK) * (1.0 + 0.09 * shape["nose_height"])
    rise = rise + 0.14 * shape["nose_bridge"] * bell(CHART_Y - 1.6, 1.1)
    wing = 1.05 * bump(1.20, 4.72, 0.30, 0.36) - 0.40 * bump(1.75, 4.65, 0.20, 0.5)
    wing = wing - 0.30 * bump(0.78, 4.30, 0.16, 0.40)  # the groove between wing and tip
    ball = 0.36 * bump(0.0, 4.25, 0.66, 0.55)
    return rise * ridge + wing + ball


def _sockets(shape: Mapping[str, float]) -> np.ndarray:
    outward = SIDE_X - EYE_X
    hollow = -0.60 * bump(EYE_X - 0.2, -0.1, 1.55, 1.0) - 0.35 * bump(1.55, -0.1, 0.5, 0.8)
    ball = 0.62 * FRONT_MASK * np.exp(-((outward / 1.35) ** 2) - ((CHART_Y - 0.05) / 0.78) ** 2)
    fold = (0.10 + 0.05 * shape["eye_fold"]) * bump(EYE_X + 0.2, -1.15, 1.2, 0.28)
    bag = 0.07 * bump(EYE_X, 1.0, 0.9, 0.25)
    return hollow + ball * (1.0 + 0.06 * shape["eye_size"]) + fold + bag


def _mouth() -> np.ndarray:
    reach = smoothstep(SIDE_X, 2.7, 1.6)
    upper = 0.42 * bell(CHART_Y - 6.82, 0.26) * reach * FRONT_MASK
    lower = 0.50 * bell(CHART_Y - 7.72, 0.34) * smoothstep(SIDE_X, 2.3, 1.0) * FRONT_MASK
    seam = -0.30 * bell(CHART_Y - MOUTH_Y, 0.13) * smoothstep(SIDE_X, 2.7, 2.2) * FRONT_MASK
    arch = 0.22 * bump(0.0, MOUTH_Y, 1.9, 1.4)
    corner = -0.22 * bump(2.55, 7.25, 0.3, 0.35)
    philtrum = -0.10 * bump(0.0, 5.95, 0.2, 0.35) + 0.05 * bump(0.42, 5.95, 0.16, 0.4)
    return upper + lower + seam + arch + corner + philtrum


def _bones(shape: Mapping[str, float]) -> np.ndarray:
    ridge = (0.28 + 0.13 * shape["brow_ridge"]) * bump(2.7, -2.0, 1.7, 0.6)
    cheekbone = (0.42 + 0.15 * shape["cheekbones"]) * bump(4.3, 2.3, 1.3, 1.0)
    cheek = (0.10 + 0.22 * shape["cheeks"]) * bump(4.2, 5.4, 1.4, 1.8)
    chin = (0.45 + 0.25 * shape["chin"]) * bump(0.0, 10.3, 1.3, 0.8) - 0.32 * bump(0.0, 8.85, 1.5, 0.35)
    temple = -0.25 * bump(6.3, -2.2, 1.0, 1.5)
    return ridge + cheekbone + cheek + chin + temple


def _sideways(shape: Mapping[str, float]) -> np.ndarray:
    """Outwards, cm, on either side."""
    eyes = 0.10 * shape["eye_spacing"] * bump(EYE_X, EYE_Y, 1.8, 1.6)
    size = 0.055 * (shape["eye_size"] + 0.9) * (SIDE_X - EYE_X) * bump(EYE_X, EYE_Y, 1.7, 1.2)
    nose = 0.09 * shape["nose_width"] * SIDE_X * bump(0.0, 4.6, 1.5, 1.0)
    mouth = 0.055 * shape["mouth_width"] * SIDE_X * bump(0.0, MOUTH_Y, 2.6, 1.0)
    cheeks = 0.10 * shape["cheeks"] * bump(6.0, 5.0, 1.6, 2.2)
    return eyes + size + nose + mouth + cheeks


def _downwards(shape: Mapping[str, float]) -> np.ndarray:
    tip = 0.14 * shape["nose_tip"] * bump(0.0, 4.2, 0.8, 0.7)
    length = 0.16 * shape["nose_length"] * bump(0.0, 4.7, 1.8, 1.0)
    tilt = -0.10 * shape["eye_tilt"] * (SIDE_X - EYE_X) * bump(EYE_X, EYE_Y, 1.7, 1.3)
    size = 0.09 * (shape["eye_size"] + 0.9) * CHART_Y * bump(EYE_X, EYE_Y, 1.7, 0.9)
    tuck = 0.16 * bump(0.0, 4.9, 0.9, 0.3)  # the tip hangs over the nostrils
    return tip + length + tilt + size + tuck
