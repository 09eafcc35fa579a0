"""Paints eyes: ball, iris, lids, lashes, shadow. Lengths are cm on the chart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.synthetic.paint.light import Light
from components.synthetic.paint.pixels import Pixels
from components.synthetic.shape.person import Expression, Identity
from components.synthetic.shape.places import iris, lids
from components.synthetic.shape.proportions import EYE_HALF, EYE_X, IRIS_RADIUS
from components.synthetic.shape.splines import smoothstep

# Linear RGB.
_SCLERA = np.array([0.82, 0.79, 0.76])
_FLESH = np.array([0.62, 0.30, 0.26])
_LASH = np.array([0.018, 0.013, 0.011])
_CREASE = (0.42, 0.33, 0.30)  # factors on the skin
_WET = (1.15, 0.95, 0.92)

_PUPIL = (0.27, 0.21)  # radii where it begins to darken and is dark
_CATCHLIGHT = 0.30  # how far the lamp's reflection is off the iris' middle, for a lamp at the side
_LID_SHADE = 0.36  # how far below the upper lid its shadow on the ball ends


@dataclass(frozen=True, eq=False)
class _Eye:
    """Pixels (n,) around an eye.

    Attributes:
        index: Which pixels they are.
        x, y: Where they are on the chart.
        along: 0 at the outer corner, 1 at the inner one.
        above, below: How far above the upper and below the lower lid's edge.
    """

    index: np.ndarray
    x: np.ndarray
    y: np.ndarray
    along: np.ndarray
    above: np.ndarray
    below: np.ndarray


def paint_eye(pixels: Pixels, side: int, identity: Identity, expression: Expression, light: Light) -> None:
    """Paints the image-left (side -1) or the image-right eye."""
    opening = expression.lids[0 if side < 0 else 1]
    eye = _around(pixels, side, opening)
    if not len(eye.index):
        return
    _skin(pixels, eye, identity)
    beyond = np.maximum(-eye.along, eye.along - 1.0) * 2.0 * EYE_HALF
    inside = np.minimum(np.minimum(-eye.above, -eye.below), -beyond)
    open_ = smoothstep(inside, -0.6 * pixels.blur, 0.6 * pixels.blur) * min(1.0, opening * 8.0)
    ball, shine = _ball(eye, iris(side, expression), identity, light)
    pixels.mix(eye.index, ball, open_)
    pixels.gloss[eye.index] *= 1.0 - 0.7 * open_
    pixels.glow[eye.index] += shine[:, None] * open_[:, None] * (0.25 + 0.6 * light.key)
    _lashes(pixels, eye, identity)


def _around(pixels: Pixels, side: int, opening: float) -> _Eye:
    index = pixels.near(side * EYE_X, -0.2, 2.6, 1.9)
    x, y = pixels.x[index], pixels.y[index]
    along = (EYE_X + EYE_HALF - side * x) / (2.0 * EYE_HALF)
    upper, lower = lids(along, opening)
    return _Eye(index, x, y, along, upper - y, y - lower)


def _skin(pixels: Pixels, eye: _Eye, identity: Identity) -> None:
    """The lids' skin: crease, bag, the wet edge of the lower lid, eye shadow."""
    index, along, above, below = eye.index, eye.along, eye.above, eye.below
    span = smoothstep(along, -0.22, 0.05) * smoothstep(along, 1.06, 0.85)
    crease = 0.30 + 0.05 * identity.shape["eye_fold"] + 0.10 * (0.5 - along)
    dark = 0.55 * np.exp(-(((above - crease) / 0.075) ** 2)) + 0.18 * smoothstep(above, 0.7, crease.min())
    pixels.mix(index, pixels.colour[index] * _CREASE, dark * span * (above > 0.0))
    bag = np.exp(-(((below - 0.36) / 0.09) ** 2)) * (0.10 + 0.22 * identity.age)
    pixels.mix(index, pixels.colour[index] * 0.5, bag * span)
    wet = np.exp(-((below / 0.06) ** 2)) * 0.45
    pixels.mix(index, np.minimum(pixels.colour[index] * _WET, 0.9), wet * span)
    if identity.makeup > 0.0:
        shadow = smoothstep(above, 0.85, 0.1) * (above > -0.1) * (0.35 + 0.45 * identity.makeup)
        pixels.mix(index, identity.makeup_colour, shadow * span * 0.8)


def _ball(eye: _Eye, centre: np.ndarray, identity: Identity, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """Colour (n, 3) of the eyeball with the iris at centre (2,), and its catchlights (n,)."""
    white = _SCLERA * (1.0 - 0.30 * np.abs(2.0 * eye.along - 1.0) ** 2)[:, None]
    flesh = 0.75 * smoothstep(eye.along, 0.86, 0.98) + 0.25 * smoothstep(eye.along, 0.12, 0.0)
    colour = white + (_FLESH - white) * flesh[:, None]
    radius = np.hypot(eye.x - centre[0], eye.y - centre[1])
    ring = smoothstep(radius, IRIS_RADIUS + 0.04, IRIS_RADIUS - 0.05)
    colour = colour + (identity.iris * _fibres(eye, centre, radius)[:, None] - colour) * ring[:, None]
    colour = colour * (1.0 - 0.97 * smoothstep(radius, *_PUPIL))[:, None]
    colour = colour * (0.38 + 0.62 * smoothstep(-eye.above, 0.0, _LID_SHADE))[:, None]
    return colour, _catchlights(eye, centre, light, ring)


def _fibres(eye: _Eye, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """(n,) brightness of an iris: rays, lighter below, a dark rim."""
    turn = np.arctan2(eye.y - centre[1], eye.x - centre[0])
    part = np.clip(radius / IRIS_RADIUS, 0.0, 1.0)
    rays = 1.0 + 0.22 * np.sin(17.0 * turn + 3.0 * part) * part + 0.15 * np.sin(31.0 * turn)
    lower = 0.75 + 0.75 * smoothstep(eye.y - centre[1], -0.35, 0.5)
    return lower * rays * (1.0 - 0.72 * smoothstep(part, 0.72, 1.0))


def _catchlights(eye: _Eye, centre: np.ndarray, light: Light, ring: np.ndarray) -> np.ndarray:
    """(n,) strength of the lamp's reflection, and of a faint second one across the iris."""
    spot_x, spot_y = (centre[0] + _CATCHLIGHT * light.direction[0], centre[1] + _CATCHLIGHT * light.direction[1])
    spot = smoothstep(np.hypot(eye.x - spot_x, eye.y - spot_y), 0.16, 0.08)
    across = np.hypot(eye.x - 2 * centre[0] + spot_x, eye.y - 2 * centre[1] + spot_y)
    return spot + 0.35 * smoothstep(across, 0.15, 0.05) * ring


def _lashes(pixels: Pixels, eye: _Eye, identity: Identity) -> None:
    """Dark edges of the lids, thicker outwards and with make-up."""
    along, above, below, makeup = eye.along, eye.above, eye.below, identity.makeup
    strength = 0.62 + 0.15 * (1.0 - identity.masculine) + 0.35 * makeup
    outer = smoothstep(along, 1.0, 0.1)
    thick = (0.055 + 0.055 * outer) * (0.8 + 0.7 * makeup)
    span = smoothstep(along, -0.10 - 0.10 * makeup, 0.02) * smoothstep(along, 1.02, 0.92)
    line = np.exp(-(((above - 0.02) / thick) ** 2)) * strength
    length = (0.12 + 0.14 * (1.0 - identity.masculine) + 0.16 * makeup) * (0.35 + 0.65 * outer)
    comb = 0.5 + 0.5 * np.sin(along * 62.0 + above * 9.0)
    hairs = smoothstep(above, length, 0.0) * (above > 0.0) * comb**2 * 0.55 * strength
    under = np.exp(-(((below - 0.03) / (0.035 + 0.02 * makeup)) ** 2)) * (0.20 + 0.35 * makeup) * outer
    pixels.mix(eye.index, _LASH, np.maximum(np.maximum(line, hairs), under) * span)
