"""Puts head, ears, body and hair into a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from components.synthetic.body import CLOTH_DETAIL, Clothes, ear_colour, ears, torso, torso_colour
from components.synthetic.brows import paint_brow
from components.synthetic.camera import OVERSAMPLE, Camera
from components.synthetic.chart import CHART_X, DETAIL, LOWER_LIP_ROW, ROWS, TEXEL_X, TEXEL_Y, UPPER_LIP_ROW
from components.synthetic.eyes import paint_eye
from components.synthetic.hair_layers import HairLayers
from components.synthetic.head import Head
from components.synthetic.light import CLOTH_WRAP, SKIN_WRAP, Light, normals, shade, shadows
from components.synthetic.mouth import paint_mouth
from components.synthetic.pixels import Pixels
from components.synthetic.raster import Grid, lookup, rasterise
from components.synthetic.skin import albedo

_PLACES = np.stack([TEXEL_X, TEXEL_Y], axis=-1)
_SHADOW_STEP = 4


@dataclass(frozen=True, eq=False)
class Rendered:
    """A picture before the lens.

    Attributes:
        image: (H, W, 3) float32, linear RGB.
        depth: (H * OVERSAMPLE, W * OVERSAMPLE) float32, cm of head and body.
        covered: (H, W) bool, hair over the face.
    """

    image: np.ndarray
    depth: np.ndarray
    covered: np.ndarray


def render(head: Head, camera: Camera, light: Light, clothes: Clothes, background: np.ndarray) -> Rendered:
    """Draws a head over a background (H, W, 3) of linear RGB."""
    size = background.shape[0]
    canvas = size * OVERSAMPLE
    bust = [head.view, *(camera.view(ear) for ear in ears(head.identity)), torso(camera, head.identity)]
    layer = rasterise(
        [Grid(camera.on_canvas(view), view[..., 2], "both" if i in (1, 2) else "front") for i, view in enumerate(bust)],
        canvas,
    )
    depth = layer.depth_map()
    hair = HairLayers(head, camera, light, canvas)
    lit, crevice = _shading_maps(depth, np.maximum(depth, hair.depth), light, camera, canvas)
    colour = np.ones((len(layer.pixels), 4), dtype=np.float32)
    for number, view in enumerate(bust):
        own = np.flatnonzero(layer.grid == number)
        at = layer.pixels[own]
        paint = _head if number == 0 else _ear if number < 3 else _torso
        shade_ = lit.ravel()[at][:, None], crevice.ravel()[at][:, None]
        colour[own, :3] = paint(head, view, layer.cells[own], light, camera, clothes, *shade_)
    flat = np.zeros((canvas * canvas, 4), dtype=np.float32)
    flat[layer.pixels] = colour
    over = hair.lay(flat, depth, lit)
    picture = cv2.resize(flat.reshape(canvas, canvas, 4), (size, size), interpolation=cv2.INTER_AREA)
    covered = cv2.resize(over, (size, size), interpolation=cv2.INTER_AREA) > 0.5
    return Rendered(picture[..., :3] + background * (1.0 - picture[..., 3:]), depth, covered)


def _shading_maps(
    depth: np.ndarray, blockers: np.ndarray, light: Light, camera: Camera, canvas: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shadow and crevice maps (h, w) for surfaces at depth (h, w) under blockers (h, w), cm."""
    small = np.ascontiguousarray(blockers[_SHADOW_STEP // 2 :: _SHADOW_STEP, _SHADOW_STEP // 2 :: _SHADOW_STEP])
    maps = shadows(small, light, camera.scale * OVERSAMPLE / _SHADOW_STEP)
    kernel = np.ones((3, 3), np.uint8)
    # The maps are coarse: along an outline what lies behind would take the light of what lies before it.
    behind = depth < cv2.resize(cv2.dilate(small, kernel), (canvas, canvas), interpolation=cv2.INTER_NEAREST) - 2.5
    lit, crevice = (
        np.where(behind, cv2.resize(cv2.erode(each, kernel), (canvas, canvas)), cv2.resize(each, (canvas, canvas)))
        for each in maps
    )
    return lit, crevice


def _head(
    head: Head,
    view: np.ndarray,
    cells: np.ndarray,
    light: Light,
    camera: Camera,
    clothes: Clothes,
    lit: np.ndarray,
    crevice: np.ndarray,
) -> np.ndarray:
    identity, expression = head.identity, head.expression
    key, ambient = shade(normals(view), light, SKIN_WRAP, 18.0)
    key, ambient = lookup(key, cells), lookup(ambient, cells)
    place = lookup(_PLACES, cells, DETAIL)
    base = lookup(albedo(identity, expression), cells, DETAIL)
    gloss = np.full(len(cells), 0.10 + 0.05 * (1.0 - identity.age), dtype=np.float32)
    pixels = Pixels(place[:, 0], place[:, 1], base, gloss, np.zeros_like(base), 1.0 / (camera.scale * OVERSAMPLE))
    for side in (-1, 1):
        paint_brow(pixels, side, identity)
        paint_eye(pixels, side, identity, expression, light)
    paint_mouth(pixels, identity, _gap(head.vertices), _teeth(head))
    return _light(pixels.colour, pixels.gloss, key, ambient, lit, crevice, light) + pixels.glow * (0.35 + 0.65 * lit)


def _light(
    colour: np.ndarray,
    gloss: np.ndarray,
    key: np.ndarray,
    ambient: np.ndarray,
    lit: np.ndarray,
    crevice: np.ndarray,
    light: Light,
) -> np.ndarray:
    matte = colour * (key[:, :3] * lit + ambient) * crevice
    return matte + (gloss * key[:, 3])[:, None] * lit * light.key.astype(np.float32)


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


def _ear(
    head: Head,
    view: np.ndarray,
    cells: np.ndarray,
    light: Light,
    camera: Camera,
    clothes: Clothes,
    lit: np.ndarray,
    crevice: np.ndarray,
) -> np.ndarray:
    normal = normals(view)
    normal *= np.where(normal[..., 2:] < 0.0, -1.0, 1.0)
    key, ambient = (lookup(each, cells) for each in shade(normal, light, SKIN_WRAP * 1.4, 14.0))
    colour = lookup(ear_colour(head.identity), cells)
    return _light(colour, np.full(len(cells), 0.06, dtype=np.float32), key, ambient, lit, crevice, light)


def _torso(
    head: Head,
    view: np.ndarray,
    cells: np.ndarray,
    light: Light,
    camera: Camera,
    clothes: Clothes,
    lit: np.ndarray,
    crevice: np.ndarray,
) -> np.ndarray:
    key, ambient = (lookup(each, cells) for each in shade(normals(view), light, CLOTH_WRAP, 12.0))
    paint = lookup(torso_colour(head.identity, clothes, view), cells, CLOTH_DETAIL)
    gloss = 0.07 * (1.0 - paint[:, 3])
    return _light(paint[:, :3], gloss, key, ambient, lit, crevice, light)
