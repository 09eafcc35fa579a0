"""Things in front of a face: each gives its cover of the picture (size, size), 0..1, and its colour in white light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from components.synthetic.paint.light import Light
from components.synthetic.paint.skin import tone
from components.synthetic.scene.glasses import rims, worn
from components.synthetic.scene.polygons import fill
from components.synthetic.shape.camera import Camera
from components.synthetic.shape.head import Head

KINDS = ("board", "hand", "leaves", "mask", "sunglasses")
_HIDES = 0.5  # cover from which a pixel's landmark counts as hidden

_FINGERS = (6.0, 7.2, 7.4, 6.6)  # cm, lengths
_FINGER_APART, _FINGER_RADIUS = 1.75, 0.92  # cm
_HAND_TINT = (1.04, 0.93, 0.9)  # factors on the skin
_LEAF = np.array([0.12, 0.24, 0.05])  # linear RGB
_MASKS = np.array([(0.45, 0.60, 0.70), (0.72, 0.72, 0.70), (0.08, 0.08, 0.09)])  # linear RGB: blue, white, black
_BRIDGE = np.array([[-1.2, -0.7], [1.2, -0.7], [1.2, -0.2], [-1.2, -0.2]])  # of sunglasses, cm


@dataclass(frozen=True, eq=False)
class Occluder:
    """A thing of one of `KINDS`; seed decides the rest."""

    kind: str
    seed: int

    def put(
        self, image: np.ndarray, covered: np.ndarray, head: Head, camera: Camera, light: Light
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lays it over an image (H, W, 3) of linear RGB and over what is covered (H, W) already."""
        rng = np.random.default_rng([self.seed, 3])
        alpha, colour = _PAINTERS[self.kind](rng, image.shape[0], head, camera)
        lit = light.key * 0.75 + 0.5 * (light.sky + light.ground)
        colour = colour * lit.astype(np.float32)
        return image + (colour - image) * alpha[..., None], covered | (alpha > _HIDES)


def draw_occluder(rng: np.random.Generator) -> Occluder:
    """Any of them."""
    return Occluder(KINDS[rng.integers(len(KINDS))], int(rng.integers(1 << 31)))


def _turned(points: np.ndarray, angle: float) -> np.ndarray:
    """Points (n, 2), turned clockwise as seen by an angle in rad."""
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ spin.T


def _board(rng: np.random.Generator, size: int, head: Head, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """A book or a phone held before a part of the face."""
    place = head.pictured(np.array([rng.uniform(-4.5, 4.5), rng.uniform(3.0, 9.5)]))
    half = np.array([rng.uniform(2.0, 4.0), rng.uniform(2.5, 4.5)]) * camera.scale
    corners = _turned(np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half, rng.uniform(-0.5, 0.5))
    y, x = np.mgrid[0:size, 0:size]
    colour = rng.beta(1.0, 1.6, 3) * (0.9 + 0.2 * (x + y)[..., None] / (2 * size))
    inner = fill(size, place + corners * 0.86)[..., None]
    return fill(size, place + corners), (colour * (1.0 - 0.35 * inner)).astype(np.float32)


def _hand(rng: np.random.Generator, size: int, head: Head, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Fingers over the mouth, the cheek or an eye."""
    place = head.pictured(np.array([rng.uniform(-3.0, 3.0), rng.uniform(1.0, 8.0)]))
    heading = rng.uniform(-0.9, 0.9) + (0.0 if rng.random() < 0.7 else np.pi / 2)
    along, beside = (np.array([np.sin(heading), -np.cos(heading)]), np.array([np.cos(heading), np.sin(heading)]))
    cm = camera.scale
    alpha, height = (np.zeros((size, size), np.float32), np.zeros((size, size), np.float32))
    for finger, length in enumerate(_FINGERS):
        aside = finger - 1.5  # the hand's middle is between the second and the third
        start = place + beside * aside * _FINGER_APART * cm - along * 4.0 * cm
        bend = along * np.cos(0.06 * aside) + beside * np.sin(0.06 * aside)
        _capsule(alpha, height, start, start + bend * length * cm, _FINGER_RADIUS * cm)
    _capsule(alpha, height, place - along * 6.5 * cm, place - along * 20.0 * cm, 4.0 * cm)
    shade = (0.62 + 0.38 * height)[..., None]
    return alpha, (tone(head.identity.melanin) * _HAND_TINT * shade).astype(np.float32)


def _capsule(alpha: np.ndarray, height: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> None:
    """Adds a rounded bar: cover, and 0..1 how far it bulges."""
    y, x = np.mgrid[0 : alpha.shape[0], 0 : alpha.shape[1]]
    way = end - start
    t = np.clip(((x - start[0]) * way[0] + (y - start[1]) * way[1]) / (way @ way), 0.0, 1.0)
    distance = np.hypot(x - start[0] - t * way[0], y - start[1] - t * way[1]) / radius
    cover = np.clip((1.0 - distance) * radius + 0.5, 0.0, 1.0)
    bulge = np.sqrt(np.clip(1.0 - distance * distance, 0.0, 1.0))
    height[:] = np.where(cover > 0.0, height * (1.0 - cover) + bulge * cover, height)
    np.maximum(alpha, cover, out=alpha)


def _leaves(rng: np.random.Generator, size: int, head: Head, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """A twig close to the lens."""
    alpha, colour = (np.zeros((size, size), np.float32), np.zeros((size, size, 3), np.float32))
    green = _LEAF * rng.uniform(0.6, 1.5)
    centre = head.pictured(np.array([rng.uniform(-5.0, 5.0), rng.uniform(-2.0, 9.0)]))
    around = np.linspace(0.0, 2.0 * np.pi, 33)
    for _ in range(rng.integers(7, 14)):
        turn, length = rng.uniform(0.0, np.pi), rng.uniform(1.6, 3.4) * camera.scale
        leaf = np.stack([length * np.cos(around), 0.34 * length * np.sin(around) * np.abs(np.sin(around / 2))], axis=1)
        cover = fill(size, centre + rng.normal(0.0, 2.4, 2) * camera.scale + _turned(leaf, turn))
        tint = green * rng.uniform(0.5, 1.5)
        colour += (tint.astype(np.float32) - colour) * cover[..., None]
        np.maximum(alpha, cover, out=alpha)
    return cv2.GaussianBlur(alpha, (0, 0), 0.7), colour


def _mask(rng: np.random.Generator, size: int, head: Head, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """A cloth over nose and mouth."""
    x = np.linspace(-1.0, 1.0, 25)
    top = np.stack([5.6 * x, 2.0 + 1.6 * np.abs(x) ** 1.5], axis=1)
    low = np.stack([5.0 * x[::-1], 10.9 - 4.2 * np.abs(x[::-1]) ** 2.2], axis=1)
    outline = head.pictured(np.concatenate([top, low]))
    hull = cv2.convexHull(outline.astype(np.float32))[:, 0]
    centre = hull.mean(axis=0)
    y, grid_x = np.mgrid[0:size, 0:size]
    across, down = ((grid_x - centre[0]) / (6.0 * camera.scale), (y - centre[1]) / (5.0 * camera.scale))
    pleat = 0.05 * np.sin(down * 9.0 + 1.2 * across**2)
    shade = 0.95 - 0.35 * across**2 - 0.15 * down + pleat
    colour = _MASKS[rng.integers(len(_MASKS))] * np.clip(shade, 0.3, 1.1)[..., None]
    return fill(size, hull), colour.astype(np.float32)


def _sunglasses(rng: np.random.Generator, size: int, head: Head, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Dark glasses."""
    alpha = fill(size, worn(camera, _BRIDGE))
    for rim in rims(camera, rng.uniform(0.55, 1.0)):
        np.maximum(alpha, fill(size, rim), out=alpha)
    y = np.linspace(0.0, 1.0, size)[:, None, None]
    tint = rng.uniform(0.01, 0.05, 3)
    return alpha, np.broadcast_to(tint + 0.10 * (1.0 - y) ** 2, (size, size, 3)).astype(np.float32)


_PAINTERS = {"board": _board, "hand": _hand, "leaves": _leaves, "mask": _mask, "sunglasses": _sunglasses}
