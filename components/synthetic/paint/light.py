"""Light: a key lamp, the sky and the ground; how surfaces answer it, and where they keep it from one another."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from components.synthetic.shape.camera import NOWHERE

# Red light wanders furthest under the skin, so shadows end red: how far each channel wraps round the terminator.
SKIN_WRAP = np.array([0.38, 0.22, 0.14])
CLOTH_WRAP = np.array([0.15, 0.15, 0.15])
_FALLOFF = 1.25  # exponent of the key light's decrease towards the terminator
_TOWARDS_CAMERA = np.array([0.0, 0.0, 1.0])

# Shadows, by eye; cm.
_STEPS = np.geomspace(0.5, 9.0, 11)  # how far towards the lamp a blocker is looked for
_BLOCKS = 0.25  # how far it may stand out of the ray before it throws a shadow
_DARKENS = 2.5  # share of the light that each cm beyond that takes
_PENUMBRA = 0.22
# Crevices: what lies deeper than its surroundings gets less of all light.
_AROUND = 0.8
_DEEPEST = 1.6
_CREVICE = 0.32  # share of the light that each cm of depth takes
_BEHIND_ALL = -12.0  # the background, brought near so that it does not pull at the blur


@dataclass(frozen=True, eq=False)
class Light:
    """Light of a scene, in the camera's frame (x right, y down, z towards the camera).

    Attributes:
        direction: (3,) unit vector towards the key lamp.
        key: (3,) linear RGB.
        sky, ground: (3,) linear RGB of the ambient light from above and from below.
        rim: (3,) linear RGB, light from behind.
        exposure: Factor on everything.
    """

    direction: np.ndarray
    key: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    rim: np.ndarray
    exposure: float


def half_vector(light: Light) -> np.ndarray:
    """(3,) unit vector half way between lamp and camera: surfaces that face it gleam."""
    half = light.direction + _TOWARDS_CAMERA
    return half / np.sqrt(np.square(half).sum())


def shade(normal: np.ndarray, light: Light, wrap: np.ndarray, shininess: float) -> tuple[np.ndarray, np.ndarray]:
    """Normals (..., 3) -> what the key lamp gives (..., 4): RGB and highlight; what all else gives (..., 3)."""
    facing = np.einsum("...i,i->...", normal, light.direction)[..., None]
    key = np.maximum((facing + wrap) / (1.0 + wrap), 0.0) ** _FALLOFF * light.key
    gleam = np.maximum(np.einsum("...i,i->...", normal, half_vector(light)), 0.0) ** shininess
    up = 0.5 - 0.5 * normal[..., 1:2]
    edge = np.clip(1.0 - np.abs(normal[..., 2:3]), 0.0, 1.0) ** 3
    ambient = light.sky * up + light.ground * (1.0 - up) + light.rim * edge * 0.6
    return np.concatenate([key, gleam[..., None]], axis=-1).astype(np.float32), ambient.astype(np.float32)


def shadows(depth: np.ndarray, light: Light, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Cast shadow and crevice maps (h, w), 1 is lit, from a depth map (h, w) in cm with scale px a cm."""
    shadow = np.ones_like(depth)
    x, y, z = light.direction
    for step in _STEPS:
        dx, dy = round(x * step * scale), round(y * step * scale)
        if dx == dy == 0 or abs(dx) >= depth.shape[1] or abs(dy) >= depth.shape[0]:
            continue
        above = _shifted(depth, dx, dy) - depth - z * step
        shadow = np.minimum(shadow, np.clip(1.0 - (above - _BLOCKS) * _DARKENS, 0.0, 1.0))
    return cv2.GaussianBlur(shadow.astype(np.float32), (0, 0), _PENUMBRA * scale), _crevices(depth, scale)


def _shifted(depth: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """(h, w): what a depth map (h, w) has dx px to the right and dy px below; `NOWHERE` beyond its edges."""
    h, w = depth.shape
    moved = np.full_like(depth, NOWHERE)
    rows, columns = slice(max(-dy, 0), h - max(dy, 0)), slice(max(-dx, 0), w - max(dx, 0))
    from_rows, from_columns = slice(max(dy, 0), h - max(-dy, 0)), slice(max(dx, 0), w - max(-dx, 0))
    moved[rows, columns] = depth[from_rows, from_columns]
    return moved


def _crevices(depth: np.ndarray, scale: float) -> np.ndarray:
    """(h, w) float32: how much light gets into the hollows of a depth map (h, w) in cm with scale px a cm."""
    flat = np.maximum(depth, _BEHIND_ALL)
    hollow = cv2.GaussianBlur(flat, (0, 0), _AROUND * scale) - flat
    return np.clip(1.0 - _CREVICE * np.clip(hollow, 0.0, _DEEPEST), 0.0, 1.0).astype(np.float32)
