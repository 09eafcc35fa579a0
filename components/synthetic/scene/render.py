"""Puts head, ears, body and hair into a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from components.synthetic.paint.body import Clothes
from components.synthetic.paint.light import Light, shadows
from components.synthetic.scene.hair_layers import HairLayers
from components.synthetic.scene.raster import Grid, Layer, rasterise
from components.synthetic.scene.surfaces import Seen, ear_pixels, head_pixels, torso_pixels
from components.synthetic.shape.bust import ears, torso
from components.synthetic.shape.camera import OVERSAMPLE, Camera
from components.synthetic.shape.head import Head

_SHADOW_STEP = 4  # px of the canvas for one of the shadow maps: shadows are soft
_BEHIND = 2.5  # cm behind its surroundings from where a place takes the darkest light around it
_COVERED = 0.5  # cover of hair from which a pixel's landmark counts as hidden
_AROUND = np.ones((3, 3), np.uint8)


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
    left, right = (camera.view(ear) for ear in ears(head.identity))
    views = [head.view, left, right, torso(camera, head.identity)]
    sides = ["front", "both", "both", "front"]
    grids = [Grid(camera.on_canvas(view), view[..., 2], side) for view, side in zip(views, sides, strict=True)]
    layer = rasterise(grids, canvas)
    depth = layer.depth_map()
    hair = HairLayers(head, camera, light, canvas)
    lit, crevice = _shading_maps(depth, np.maximum(depth, hair.depth), light, camera)
    seen = [_seen(layer, number, view, lit, crevice) for number, view in enumerate(views)]
    flat = np.zeros((canvas * canvas, 4), dtype=np.float32)
    flat[layer.pixels, 3] = 1.0
    flat[seen[0].pixels, :3] = head_pixels(seen[0], head, camera, light)
    for ear in seen[1:3]:
        flat[ear.pixels, :3] = ear_pixels(ear, head.identity, light)
    flat[seen[3].pixels, :3] = torso_pixels(seen[3], head.identity, clothes, light)
    over = hair.lay(flat, depth, lit)
    picture = _averaged(flat.reshape(canvas, canvas, 4), size)
    image = picture[..., :3] + background * (1.0 - picture[..., 3:])
    return Rendered(image, depth, _averaged(over, size) > _COVERED)


def _averaged(canvas: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)


def _seen(layer: Layer, number: int, view: np.ndarray, lit: np.ndarray, crevice: np.ndarray) -> Seen:
    """What a layer shows of its grid of this number."""
    own = np.flatnonzero(layer.grid == number)
    pixels = layer.pixels[own]
    return Seen(pixels, view, layer.cells[own], lit.ravel()[pixels][:, None], crevice.ravel()[pixels][:, None])


def _shading_maps(
    depth: np.ndarray, blockers: np.ndarray, light: Light, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Shadow and crevice maps (h, w) for surfaces at depth (h, w) under blockers (h, w), cm."""
    canvas, every = depth.shape, slice(_SHADOW_STEP // 2, None, _SHADOW_STEP)
    small = np.ascontiguousarray(blockers[every, every])
    maps = shadows(small, light, camera.scale * OVERSAMPLE / _SHADOW_STEP)
    # The maps are coarse: along an outline what lies behind would take the light of what lies before it.
    front = cv2.resize(cv2.dilate(small, _AROUND), canvas, interpolation=cv2.INTER_NEAREST)
    behind = depth < front - _BEHIND
    lit, crevice = (
        np.where(behind, cv2.resize(cv2.erode(each, _AROUND), canvas), cv2.resize(each, canvas)) for each in maps
    )
    return lit, crevice
