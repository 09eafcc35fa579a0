"""Light: a key lamp, the sky and the ground; how skin, cloth and hair answer it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Red light wanders furthest under the skin, so shadows end red: how far each channel wraps round the terminator.
SKIN_WRAP = np.array([0.38, 0.22, 0.14])
CLOTH_WRAP = np.array([0.15, 0.15, 0.15])


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


def draw_light(rng: np.random.Generator, harsh: bool) -> Light:
    """A soft daylight or a room; with harsh, a hard lamp from the side, a dark room or a coloured lamp."""
    azimuth, elevation = rng.normal(0.0, 0.55), rng.uniform(0.15, 0.85)
    warm = np.array([1.0 + 0.10 * rng.normal(), 1.0, 1.0 + 0.12 * rng.normal()])
    key, ambient, exposure, rim = (rng.uniform(1.0, 1.4), rng.uniform(0.34, 0.55), rng.uniform(0.85, 1.1), 0.10)
    if harsh:
        kind = rng.integers(3)
        azimuth, elevation = (rng.choice([-1.0, 1.0]) * rng.uniform(1.1, 1.6), rng.uniform(-0.3, 0.9))
        if kind == 0:
            key, ambient = rng.uniform(1.9, 2.5), rng.uniform(0.06, 0.12)
        elif kind == 1:
            key, ambient, exposure = (rng.uniform(0.6, 0.9), rng.uniform(0.15, 0.3), rng.uniform(0.18, 0.32))
        else:
            key, ambient, rim = rng.uniform(1.4, 1.9), rng.uniform(0.12, 0.22), 0.9
            warm = rng.uniform(0.5, 1.2, 3)
    flat = np.cos(elevation)
    direction = np.array([flat * np.sin(azimuth), -np.sin(elevation), flat * np.cos(azimuth)])
    tint = np.array([0.95, 1.0, 1.07]) * (1.0 + 0.05 * rng.normal(size=3))
    back = rim * rng.uniform(0.2, 1.0) * rng.uniform(0.7, 1.2, 3)
    return Light(direction, key * warm, 1.2 * ambient * tint, 0.62 * ambient * warm, back, float(exposure))


def normals(vertices: np.ndarray) -> np.ndarray:
    """Unit normals (R, C, 3) of a vertex grid in the camera's frame, smoothed over a cell."""
    across = np.gradient(vertices, axis=1)
    down = np.gradient(vertices, axis=0)
    normal = np.stack(
        [
            across[..., 1] * down[..., 2] - across[..., 2] * down[..., 1],
            across[..., 2] * down[..., 0] - across[..., 0] * down[..., 2],
            across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0],
        ],
        axis=-1,
    )
    normal = cv2.GaussianBlur(normal, (3, 3), 0.6, borderType=cv2.BORDER_REPLICATE)
    return normal / np.maximum(np.sqrt(np.square(normal).sum(axis=-1, keepdims=True)), 1e-9)


def shade(normal: np.ndarray, light: Light, wrap: np.ndarray, shininess: float) -> tuple[np.ndarray, np.ndarray]:
    """Normals (..., 3) -> what the key lamp gives (..., 4): RGB and highlight; what all else gives (..., 3)."""
    facing = np.einsum("...i,i->...", normal, light.direction)[..., None]
    key = np.maximum((facing + wrap) / (1.0 + wrap), 0.0) ** 1.25 * light.key
    half = light.direction + np.array([0.0, 0.0, 1.0])
    half = half / np.sqrt(np.square(half).sum())
    gleam = np.maximum(np.einsum("...i,i->...", normal, half), 0.0) ** shininess
    up = 0.5 - 0.5 * normal[..., 1:2]
    edge = np.clip(1.0 - np.abs(normal[..., 2:3]), 0.0, 1.0) ** 3
    ambient = light.sky * up + light.ground * (1.0 - up) + light.rim * edge * 0.6
    return np.concatenate([key, gleam[..., None]], axis=-1).astype(np.float32), ambient.astype(np.float32)


def shadows(depth: np.ndarray, light: Light, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Cast shadow and crevice maps (h, w), 1 is lit, from a depth map (h, w) in cm with scale px a cm."""
    shadow = np.ones_like(depth)
    x, y, z = light.direction
    h, w = depth.shape
    for step in np.geomspace(0.5, 9.0, 11):
        dx, dy = round(x * step * scale), round(y * step * scale)
        if dx == dy == 0 or abs(dx) >= w or abs(dy) >= h:
            continue
        blocker = np.full_like(depth, -1e3)
        rows, columns = (slice(max(-dy, 0), h - max(dy, 0)), slice(max(-dx, 0), w - max(dx, 0)))
        from_rows, from_columns = (slice(max(dy, 0), h - max(-dy, 0)), slice(max(dx, 0), w - max(-dx, 0)))
        blocker[rows, columns] = depth[from_rows, from_columns]
        above = blocker - depth - z * step
        shadow = np.minimum(shadow, np.clip(1.0 - (above - 0.25) * 2.5, 0.0, 1.0))
    shadow = cv2.GaussianBlur(shadow.astype(np.float32), (0, 0), 0.22 * scale)
    flat = np.maximum(depth, -12.0)
    hollow = cv2.GaussianBlur(flat, (0, 0), 0.8 * scale) - flat
    crevice = np.clip(1.0 - 0.32 * np.clip(hollow, 0.0, 1.6), 0.0, 1.0)
    return shadow, crevice.astype(np.float32)
