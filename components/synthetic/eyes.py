"""Paints eyes: ball, iris, lids, lashes, shadow."""

from __future__ import annotations

import numpy as np

from components.synthetic.features import EYE_X
from components.synthetic.light import Light
from components.synthetic.people import Expression, Identity
from components.synthetic.pixels import Pixels
from components.synthetic.places import EYE_HALF, IRIS_RADIUS, iris, lids
from components.synthetic.splines import smoothstep

_SCLERA = np.array([0.82, 0.79, 0.76])
_FLESH = np.array([0.62, 0.30, 0.26])
_LASH = np.array([0.018, 0.013, 0.011])


def paint_eye(pixels: Pixels, side: int, identity: Identity, expression: Expression, light: Light) -> None:
    """Paints the image-left (side -1) or the image-right eye."""
    index = pixels.near(side * EYE_X, -0.2, 2.6, 1.9)
    if not len(index):
        return
    x, y = pixels.x[index], pixels.y[index]
    opening = expression.lids[0 if side < 0 else 1]
    along = (EYE_X + EYE_HALF - side * x) / (2.0 * EYE_HALF)
    upper, lower = lids(along, opening)
    _skin(pixels, index, along, upper - y, y - lower, identity)
    beyond = np.maximum(-along, along - 1.0) * 2.0 * EYE_HALF
    inside = np.minimum(np.minimum(y - upper, lower - y), -beyond)
    open_ = smoothstep(inside, -0.6 * pixels.blur, 0.6 * pixels.blur) * min(1.0, opening * 8.0)
    ball, shine = _ball(x, y, y - upper, along, iris(side, expression), identity, light)
    pixels.mix(index, ball, open_)
    pixels.gloss[index] *= 1.0 - 0.7 * open_
    pixels.glow[index] += shine[:, None] * open_[:, None] * (0.25 + 0.6 * light.key)
    _lashes(pixels, index, along, upper - y, y - lower, identity)


def _skin(
    pixels: Pixels, index: np.ndarray, along: np.ndarray, above: np.ndarray, below: np.ndarray, identity: Identity
) -> None:
    """The lids' skin: crease, eye shadow; above and below are cm off the opening."""
    span = smoothstep(along, -0.22, 0.05) * smoothstep(along, 1.06, 0.85)
    crease = 0.30 + 0.05 * identity.shape["eye_fold"] + 0.10 * (0.5 - along)
    dark = 0.55 * np.exp(-(((above - crease) / 0.075) ** 2)) + 0.18 * smoothstep(above, 0.7, crease.min())
    pixels.mix(index, pixels.colour[index] * (0.42, 0.33, 0.30), dark * span * (above > 0.0))
    bag = np.exp(-(((below - 0.36) / 0.09) ** 2)) * (0.10 + 0.22 * identity.age)
    pixels.mix(index, pixels.colour[index] * 0.5, bag * span)
    pink = np.exp(-((below / 0.06) ** 2)) * 0.45  # the wet edge of the lower lid
    pixels.mix(index, np.minimum(pixels.colour[index] * (1.15, 0.95, 0.92), 0.9), pink * span)
    if identity.makeup > 0.0:
        shadow = smoothstep(above, 0.85, 0.1) * (above > -0.1) * (0.35 + 0.45 * identity.makeup)
        pixels.mix(index, identity.makeup_colour, shadow * span * 0.8)


def _ball(
    x: np.ndarray,
    y: np.ndarray,
    under: np.ndarray,
    along: np.ndarray,
    centre: np.ndarray,
    identity: Identity,
    light: Light,
) -> tuple[np.ndarray, np.ndarray]:
    """Colour (n, 3) of the eyeball and its catchlight (n,); under is cm below the upper lid."""
    white = _SCLERA * (1.0 - 0.30 * np.abs(2.0 * along - 1.0) ** 2)[:, None]
    flesh = 0.75 * smoothstep(along, 0.86, 0.98) + 0.25 * smoothstep(along, 0.12, 0.0)
    colour = white + (_FLESH - white) * flesh[:, None]
    radius = np.hypot(x - centre[0], y - centre[1])
    turn = np.arctan2(y - centre[1], x - centre[0])
    part = np.clip(radius / IRIS_RADIUS, 0.0, 1.0)
    fibres = 1.0 + 0.22 * np.sin(17.0 * turn + 3.0 * part) * part + 0.15 * np.sin(31.0 * turn)
    bright = (0.75 + 0.75 * smoothstep(y - centre[1], -0.35, 0.5)) * fibres * (1.0 - 0.72 * smoothstep(part, 0.72, 1.0))
    ring = smoothstep(radius, IRIS_RADIUS + 0.04, IRIS_RADIUS - 0.05)
    colour = colour + (identity.iris * bright[:, None] - colour) * ring[:, None]
    colour = colour * (1.0 - 0.97 * smoothstep(radius, 0.27, 0.21))[:, None]
    colour = colour * (0.38 + 0.62 * smoothstep(under, 0.0, 0.36))[:, None]
    spot_x, spot_y = (centre[0] + 0.30 * light.direction[0], centre[1] + 0.30 * light.direction[1])
    spot = smoothstep(np.hypot(x - spot_x, y - spot_y), 0.16, 0.08)
    other = 0.35 * smoothstep(np.hypot(x - 2 * centre[0] + spot_x, y - 2 * centre[1] + spot_y), 0.15, 0.05)
    return colour, spot + other * ring


def _lashes(
    pixels: Pixels, index: np.ndarray, along: np.ndarray, above: np.ndarray, below: np.ndarray, identity: Identity
) -> None:
    """Dark edges of the lids, thicker outwards and with make-up."""
    strength = 0.62 + 0.15 * (1.0 - identity.masculine) + 0.35 * identity.makeup
    outer = smoothstep(along, 1.0, 0.1)
    thick = (0.055 + 0.055 * outer) * (0.8 + 0.7 * identity.makeup)
    span = smoothstep(along, -0.10 - 0.10 * identity.makeup, 0.02) * smoothstep(along, 1.02, 0.92)
    line = np.exp(-(((above - 0.02) / thick) ** 2)) * strength
    reach = (0.12 + 0.14 * (1.0 - identity.masculine) + 0.16 * identity.makeup) * (0.35 + 0.65 * outer)
    comb = 0.5 + 0.5 * np.sin(along * 62.0 + above * 9.0)
    hairs = smoothstep(above, reach, 0.0) * (above > 0.0) * comb**2 * 0.55 * strength
    under = (
        np.exp(-(((below - 0.03) / (0.035 + 0.02 * identity.makeup)) ** 2)) * (0.20 + 0.35 * identity.makeup) * outer
    )
    pixels.mix(index, _LASH, np.maximum(np.maximum(line, hairs), under) * span)
