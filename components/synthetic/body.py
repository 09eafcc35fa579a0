"""Ears, neck, shoulders and clothes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from components.synthetic.camera import Camera
from components.synthetic.grain import cloud
from components.synthetic.people import Identity
from components.synthetic.skin import tone
from components.synthetic.skull import lengthen, skull
from components.synthetic.splines import bell, smoothstep, spline

# Half width, half depth and depth of the centre at heights below the eyes, cm.
# fmt: off
_TORSO = np.array(
    [(4.0, 5.0, 4.4, -2.0), (8.0, 4.9, 4.4, -2.2), (11.0, 5.1, 4.6, -2.5), (13.0, 5.6, 4.9, -2.8),
     (14.3, 7.0, 5.3, -3.0), (15.3, 9.5, 5.7, -3.1), (16.4, 13.0, 6.2, -3.2), (17.8, 16.5, 6.8, -3.3),
     (20.0, 18.5, 7.4, -3.3), (26.0, 19.3, 8.0, -3.3), (40.0, 20.0, 8.5, -3.0)]
)
# fmt: on
_HEIGHTS = np.concatenate([np.linspace(4.0, 18.0, 18), np.linspace(20.0, 40.0, 5)])
CLOTH_DETAIL = 8  # texels per cell


@dataclass(frozen=True, eq=False)
class Clothes:
    """A garment: linear RGB (3,), of its stripes (3,), stripes a cm (0 for none), depth of the neckline in cm."""

    colour: np.ndarray
    second: np.ndarray
    stripes: float
    neckline: float
    collar: float


def draw_clothes(rng: np.random.Generator) -> Clothes:
    """Something to wear."""
    colour = np.clip(rng.beta(0.9, 1.8, 3), 0.02, 0.8)
    return Clothes(
        colour=0.55 * colour + 0.45 * colour.mean(),
        second=np.clip(rng.random(3), 0.05, 0.8),
        stripes=float(rng.choice([0.0, 0.0, 0.6, 1.1])),
        neckline=float(rng.uniform(0.0, 4.5)),
        collar=float(rng.uniform(11.5, 14.0)),
    )


def torso(camera: Camera, identity: Identity) -> np.ndarray:
    """Vertices (R, C, 3) in view cm; they follow the head less the further down they are."""
    y = _HEIGHTS
    half, deep, centre = (spline(list(zip(_TORSO[:, 0], _TORSO[:, i], strict=True)))(y) for i in (1, 2, 3))
    half = half * (0.90 + 0.16 * identity.masculine)
    angle = np.deg2rad(np.linspace(-100.0, 100.0, 29))
    x = half[:, None] * np.sin(angle)
    z = centre[:, None] + deep[:, None] * np.cos(angle)
    cord = 0.35 * bell(np.abs(x) - (4.6 - 0.3 * (y[:, None] - 4.0)), 0.7) * smoothstep(y, 15.0, 10.0)[:, None]
    rise = 0.012 * np.square(np.maximum(np.abs(x) - 6.0, 0.0)) * smoothstep(y, 13.0, 17.0)[:, None]
    drop = np.broadcast_to(lengthen(y[:, None], identity.shape), x.shape) + rise
    points = np.stack([x, drop, z + cord], axis=-1)
    near = smoothstep(y, 17.0, 5.0)[:, None, None]
    return camera.view(points, 0.85) * near + camera.view(points, 0.3) * (1.0 - near)


def torso_colour(identity: Identity, clothes: Clothes, vertices: np.ndarray) -> np.ndarray:
    """(h, w, 4) float32 over the torso's texels: linear RGB, and 1 where it is cloth."""
    h, w = ((vertices.shape[0] - 1) * CLOTH_DETAIL + 1, (vertices.shape[1] - 1) * CLOTH_DETAIL + 1)
    y = np.interp(np.arange(h) / CLOTH_DETAIL, np.arange(len(_HEIGHTS)), _HEIGHTS)
    x = np.linspace(-1.0, 1.0, w)[None, :]
    edge = clothes.collar + clothes.neckline * np.sqrt(np.clip(1.0 - (x / 0.62) ** 2, 0.0, 1.0)) ** 1.5
    cloth = smoothstep(y[:, None] - edge, -0.12, 0.12)
    fabric = np.tile(clothes.colour, (h, w, 1))
    if clothes.stripes > 0.0:
        stripe = smoothstep(np.sin(2.0 * np.pi * clothes.stripes * y * 0.5), -0.2, 0.2)[:, None, None]
        fabric = fabric + (clothes.second - fabric) * stripe * 0.8
    hem = np.exp(-(((y[:, None] - edge - 0.5) / 0.12) ** 2))
    grain = cv2.resize(cloud(24)[:200, :200], (w, h)) * 0.10 + cv2.resize(cloud(1), (w, h)) * 0.06
    fabric = fabric * (1.0 + grain - 0.25 * hem)[..., None]
    skin = tone(identity.melanin) * (0.96 - 0.10 * bell(y, 3.0))[:, None, None]
    return np.concatenate([skin + (fabric - skin) * cloth[..., None], cloth[..., None]], axis=-1).astype(np.float32)


@cache
def _ear_sheet() -> tuple[np.ndarray, np.ndarray]:
    """A right-hand ear, flat: vertices (R, C, 3), (back, down, out) in cm, and its shade (R * 4, C * 4)."""
    rho = np.linspace(0.0, 1.0, 12)[:, None]
    psi = np.linspace(0.0, 2.0 * np.pi, 30)[None, :]
    wide, high = 1.55 + 0.25 * np.sin(-psi), 2.9
    back = rho * wide * np.cos(psi) + 0.75 + 0.25 * rho * np.sin(-psi)
    down = rho * high * np.sin(psi) * (1.0 - 0.10 * np.cos(psi)) - 0.2
    rim = smoothstep(np.cos(psi - 0.35 * np.pi - np.pi * 1.15), -0.75, 0.1)
    out = 0.42 * bell(rho - 0.88, 0.09) * rim + 0.28 * bell(rho - 0.55, 0.12) * smoothstep(np.cos(psi), -0.2, 0.6)
    out = out - 0.45 * bell(rho, 0.26) + 0.35 * rho * np.cos(psi) + 0.12 * (1 - rho)
    shade = 1.0 - 0.50 * bell(rho, 0.26) - 0.22 * bell(rho - 0.72, 0.07) * rim + 0.0 * psi
    return np.stack([back, down, out + 0.0 * psi], axis=-1), shade.astype(np.float32)


def ears(identity: Identity) -> list[np.ndarray]:
    """Two grids (R, C, 3) in head cm, the image-left ear first."""
    sheet, _ = _ear_sheet()
    size = 1.0 + 0.06 * identity.shape["ears"] + 0.08 * identity.age
    stick = np.deg2rad(24.0 + 5.0 * identity.shape["ears"])
    back, down, out = (sheet[..., i] * size for i in range(3))
    place = skull(np.array(np.pi / 2), np.array(1.5), identity.shape)
    x = place[0] - 0.25 + back * np.sin(stick) + out * np.cos(stick)
    z = place[2] - 0.6 - back * np.cos(stick) + out * np.sin(stick)
    y = lengthen(np.array(1.7), identity.shape) + down
    right_hand = np.stack([x, y, z], axis=-1)
    return [right_hand[:, ::-1] * (-1.0, 1.0, 1.0), right_hand]


def ear_colour(identity: Identity) -> np.ndarray:
    """(R, C, 3) float32 linear RGB over an ear's vertices."""
    _, shade = _ear_sheet()
    red = np.array([1.06, 0.86, 0.84])
    return (shade[..., None] * tone(identity.melanin) * red).astype(np.float32)
