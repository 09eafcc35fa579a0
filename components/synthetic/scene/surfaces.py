"""The pixels of a head, an ear, a torso: painted, then lit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.synthetic.paint.body import CLOTH_DETAIL, Clothes, ear_colour, torso_colour
from components.synthetic.paint.brows import paint_brow
from components.synthetic.paint.eyes import paint_eye
from components.synthetic.paint.light import CLOTH_WRAP, SKIN_WRAP, Light, shade
from components.synthetic.paint.mouth import paint_mouth
from components.synthetic.paint.pixels import Pixels
from components.synthetic.paint.skin import albedo
from components.synthetic.scene.raster import lookup
from components.synthetic.shape.camera import OVERSAMPLE, Camera
from components.synthetic.shape.chart import CHART_X, DETAIL, ROWS, TEXEL_X, TEXEL_Y
from components.synthetic.shape.head import Head
from components.synthetic.shape.person import Identity
from components.synthetic.shape.proportions import LOWER_LIP_ROW, UPPER_LIP_ROW
from components.synthetic.shape.surface import normals

_PLACES = np.stack([TEXEL_X, TEXEL_Y], axis=-1)
# Exponents of the highlight: the higher, the smaller and sharper; and its strength.
_SKIN_SHININESS, _EAR_SHININESS, _CLOTH_SHININESS = 18.0, 14.0, 12.0
_SKIN_GLOSS, _YOUTH_GLOSS, _EAR_GLOSS, _NECK_GLOSS = 0.10, 0.05, 0.06, 0.07
_EAR_WRAP = SKIN_WRAP * 1.4  # an ear is thin, so more light comes through
_GLOW_IN_SHADOW = 0.35  # how much of a catchlight is left there


@dataclass(frozen=True, eq=False)
class Seen:
    """What is seen of one surface, at N pixels of the canvas.

    Attributes:
        pixels: (N,) int, indices into the flattened canvas.
        view: (R, C, 3), the surface's vertices, view cm.
        cells: (N, 2) float32, grid coordinates (column, row) of the places seen.
        lit, crevice: (N, 1), 0..1, how much of the lamp's light and of all light gets there.
    """

    pixels: np.ndarray
    view: np.ndarray
    cells: np.ndarray
    lit: np.ndarray
    crevice: np.ndarray


def head_pixels(seen: Seen, head: Head, camera: Camera, light: Light) -> np.ndarray:
    """(N, 3) linear RGB."""
    identity, expression = head.identity, head.expression
    shading = shade(normals(seen.view), light, SKIN_WRAP, _SKIN_SHININESS)
    place = lookup(_PLACES, seen.cells, DETAIL)
    base = lookup(albedo(identity, expression), seen.cells, DETAIL)
    gloss = np.full(len(base), _SKIN_GLOSS + _YOUTH_GLOSS * (1.0 - identity.age), dtype=np.float32)
    pixels = Pixels(place[:, 0], place[:, 1], base, gloss, np.zeros_like(base), 1.0 / (camera.scale * OVERSAMPLE))
    for side in (-1, 1):
        paint_brow(pixels, side, identity)
        paint_eye(pixels, side, identity, expression, light)
    paint_mouth(pixels, identity, _gap(head.vertices), _teeth(head))
    glow = pixels.glow * (_GLOW_IN_SHADOW + (1.0 - _GLOW_IN_SHADOW) * seen.lit)
    return _light(pixels.colour, pixels.gloss, seen, shading, light) + glow


def ear_pixels(seen: Seen, identity: Identity, light: Light) -> np.ndarray:
    """(N, 3) linear RGB; an ear is seen from both sides."""
    normal = normals(seen.view)
    normal *= np.where(normal[..., 2:] < 0.0, -1.0, 1.0)
    colour = lookup(ear_colour(identity), seen.cells)
    gloss = np.full(len(colour), _EAR_GLOSS, dtype=np.float32)
    return _light(colour, gloss, seen, shade(normal, light, _EAR_WRAP, _EAR_SHININESS), light)


def torso_pixels(seen: Seen, identity: Identity, clothes: Clothes, light: Light) -> np.ndarray:
    """(N, 3) linear RGB; only skin shines."""
    paint = lookup(torso_colour(identity, clothes, seen.view), seen.cells, CLOTH_DETAIL)
    shading = shade(normals(seen.view), light, CLOTH_WRAP, _CLOTH_SHININESS)
    return _light(paint[:, :3], _NECK_GLOSS * (1.0 - paint[:, 3]), seen, shading, light)


def _light(
    colour: np.ndarray, gloss: np.ndarray, seen: Seen, shading: tuple[np.ndarray, np.ndarray], light: Light
) -> np.ndarray:
    """(N, 3): colours (N, 3) and gloss (N,) under the shading of the surface's vertices."""
    key, ambient = (lookup(each, seen.cells) for each in shading)
    matte = colour * (key[:, :3] * seen.lit + ambient) * seen.crevice
    return matte + (gloss * key[:, 3])[:, None] * seen.lit * light.key.astype(np.float32)


def _gap(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chart x (C,) of the mouth's columns and how far the lips stand apart there, cm."""
    upper, lower = np.searchsorted(ROWS, (UPPER_LIP_ROW - 1e-6, LOWER_LIP_ROW - 1e-6))
    front = np.flatnonzero(np.abs(CHART_X[upper]) < 3.0)
    front = front[(front > CHART_X.shape[1] // 4) & (front < 3 * CHART_X.shape[1] // 4)]
    return CHART_X[upper, front], np.abs(vertices[lower, front, 1] - vertices[upper, front, 1])


def _teeth(head: Head) -> float:
    """cm of the upper teeth that the lip bares."""
    expression = head.expression
    return 0.32 + 0.42 * expression.part_lips + 0.30 * max(expression.smile, 0.0) + 0.35 * expression.snarl
