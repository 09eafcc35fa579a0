"""Glasses that somebody always wears; thin enough to hide no landmark."""

from __future__ import annotations

import cv2
import numpy as np

from components.synthetic.camera import Camera
from components.synthetic.head import Head
from components.synthetic.light import Light

_SHIFT = 4
_OVER = 2


def worn(head: Head, camera: Camera, places: np.ndarray) -> np.ndarray:
    """Places (n, 2), cm, of a flat thing worn before the eyes -> image px (n, 2)."""
    flat = np.concatenate([places, 10.2 - 0.06 * places[:, :1] ** 2], axis=1)
    return camera.project(camera.view(flat))


def rims(head: Head, camera: Camera, square: float) -> list[np.ndarray]:
    """The two rims, image px (n, 2), the image-left one first."""
    around = np.linspace(0.0, 2.0 * np.pi, 49)
    wave = [np.sign(f(around)) * np.abs(f(around)) ** square for f in (np.cos, np.sin)]
    return [
        worn(head, camera, np.stack([side * 3.3 + 2.3 * wave[0], 0.2 + 1.75 * wave[1]], axis=1)) for side in (-1.0, 1.0)
    ]


def put_glasses(image: np.ndarray, head: Head, camera: Camera, light: Light) -> np.ndarray:
    """Lays clear glasses over an image (H, W, 3) of linear RGB."""
    square = head.identity.glasses
    if square <= 0.0:
        return image
    size = image.shape[0]
    frame = np.zeros((size * _OVER, size * _OVER), np.uint8)
    bridge = worn(head, camera, np.array([[-1.0, -0.3], [0.0, -0.55], [1.0, -0.3]]))
    for line in (*rims(head, camera, square), bridge):
        fixed = np.round((line * _OVER + 0.5 * (_OVER - 1)) * (1 << _SHIFT)).astype(np.int32)
        cv2.polylines(frame, [fixed], False, 255, max(round(0.22 * camera.scale * _OVER), 1), cv2.LINE_AA, _SHIFT)
    alpha = cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255.0
    colour = (0.02 + 0.10 * (head.identity.noise % 3) * np.array([1.0, 0.55, 0.25]) / 2.0) * (0.3 + 0.7 * light.key)
    return image + (colour.astype(np.float32) - image) * alpha
