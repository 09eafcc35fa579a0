"""The colours of ears, neck and clothes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from components.synthetic.paint.skin import tone
from components.synthetic.shape.bust import EAR_RHO, EAR_RIM, HEIGHTS
from components.synthetic.shape.noise import cloud
from components.synthetic.shape.person import Identity
from components.synthetic.shape.splines import bell, smoothstep

CLOTH_DETAIL = 8  # texels per cell of the torso
_EAR_SHADE = 1.0 - 0.50 * bell(EAR_RHO, 0.26) - 0.22 * bell(EAR_RHO - 0.72, 0.07) * EAR_RIM  # dark hole and fold
_EAR_TINT = np.array([1.06, 0.86, 0.84])  # factors on the skin: light shines through an ear


@dataclass(frozen=True, eq=False)
class Clothes:
    """A garment.

    Attributes:
        colour: (3,) linear RGB.
        second: (3,) linear RGB, of its stripes.
        stripes: How many of them two cm hold, 0 for none.
        neckline: cm that it is cut out in front.
        collar: cm below the eyes where it begins at the sides.
    """

    colour: np.ndarray
    second: np.ndarray
    stripes: float
    neckline: float
    collar: float


def torso_colour(identity: Identity, clothes: Clothes, vertices: np.ndarray) -> np.ndarray:
    """(h, w, 4) float32 over the torso's texels: linear RGB, and 1 where it is cloth."""
    h, w = ((vertices.shape[0] - 1) * CLOTH_DETAIL + 1, (vertices.shape[1] - 1) * CLOTH_DETAIL + 1)
    y = np.interp(np.arange(h) / CLOTH_DETAIL, np.arange(len(HEIGHTS)), HEIGHTS)
    x = np.linspace(-1.0, 1.0, w)[None, :]
    edge = clothes.collar + clothes.neckline * np.sqrt(np.clip(1.0 - (x / 0.62) ** 2, 0.0, 1.0)) ** 1.5
    off = y[:, None] - edge  # cm below the neckline
    cloth = smoothstep(off, -0.12, 0.12)
    skin = tone(identity.melanin) * (0.96 - 0.10 * bell(y, 3.0))[:, None, None]
    return np.concatenate(
        [skin + (_fabric(clothes, y, off) - skin) * cloth[..., None], cloth[..., None]], axis=-1
    ).astype(np.float32)


def _fabric(clothes: Clothes, y: np.ndarray, off: np.ndarray) -> np.ndarray:
    """(h, w, 3) linear RGB at heights y (h,) and off (h, w) cm below the neckline."""
    h, w = off.shape
    fabric = np.tile(clothes.colour, (h, w, 1))
    if clothes.stripes > 0.0:
        stripe = smoothstep(np.sin(2.0 * np.pi * clothes.stripes * y * 0.5), -0.2, 0.2)[:, None, None]
        fabric = fabric + (clothes.second - fabric) * stripe * 0.8
    hem = np.exp(-(((off - 0.5) / 0.12) ** 2))
    grain = cv2.resize(cloud(24)[:200, :200], (w, h)) * 0.10 + cv2.resize(cloud(1), (w, h)) * 0.06
    return fabric * (1.0 + grain - 0.25 * hem)[..., None]


def ear_colour(identity: Identity) -> np.ndarray:
    """(R, C, 3) float32 linear RGB over an ear's vertices."""
    return (_EAR_SHADE.astype(np.float32)[..., None] * tone(identity.melanin) * _EAR_TINT).astype(np.float32)
