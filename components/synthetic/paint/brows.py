"""Paints brows, hair by hair."""

from __future__ import annotations

import numpy as np

from components.synthetic.paint.pixels import Pixels
from components.synthetic.shape.noise import SIDE, cloud
from components.synthetic.shape.person import Identity
from components.synthetic.shape.places import brow
from components.synthetic.shape.proportions import BROW_INNER, BROW_OUTER
from components.synthetic.shape.splines import smoothstep

_AREA = (3.1, -2.3, 2.5, 1.4)  # cm on the chart: middle (x, y) and half sides of where a brow can be
_EDGE = (-0.055, 0.06)  # cm outside and inside the outline between which hair becomes dense
_DENSITY = 0.93  # cover of the densest part


def paint_brow(pixels: Pixels, side: int, identity: Identity) -> None:
    """Paints the image-left (side -1) or the image-right brow."""
    index = pixels.near(side * _AREA[0], *_AREA[1:])
    if not len(index):
        return
    x, y = pixels.x[index] * side, pixels.y[index]
    along = (x - BROW_INNER) / (BROW_OUTER - BROW_INNER)
    upper, lower = brow(along, identity)
    beyond = np.maximum(-along, along - 1.0) * (BROW_OUTER - BROW_INNER)
    inside = np.minimum(np.minimum(y - upper, lower - y), -beyond)
    up = (lower - y) / np.maximum(lower - upper, 0.05)  # 0 at the lower edge, 1 at the upper
    edge = smoothstep(inside, *_EDGE)
    thin = 1.0 - 0.35 * smoothstep(along, 0.18, 0.0)  # towards the nose
    alpha = edge * thin * np.clip(0.78 + 0.24 * _hairs(along, up, identity.noise), 0.15, 1.0)
    pixels.mix(index, identity.hair * 0.45 + 0.006, alpha * _DENSITY)
    pixels.gloss[index] *= 1.0 - 0.8 * edge


def _hairs(along: np.ndarray, up: np.ndarray, seed: int) -> np.ndarray:
    """(n,) streaks that lean outwards, flatter towards the tail."""
    lean = 0.10 + 0.22 * np.clip(along, 0.0, 1.0)
    column = ((along - lean * up) * 230.0 + seed % 211).astype(int) % SIDE
    row = (up * 6.0 + along * 25.0).astype(int) % SIDE
    return cloud(3, 4)[row, column]
