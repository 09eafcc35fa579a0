"""Glasses that somebody always wears; thin enough to hide no landmark."""

from __future__ import annotations

import numpy as np

from components.synthetic.paint.light import Light
from components.synthetic.scene.polygons import stroke
from components.synthetic.shape.camera import Camera
from components.synthetic.shape.person import Identity

# cm, in front of a face of any shape.
_AHEAD = 10.2  # how far before the head's centre the bridge sits
_BEND = 0.06  # how far the frame falls back towards the ears, times x squared
_RIM_AT = (3.3, 0.2)
_RIM_HALF = (2.3, 1.75)
_THICKNESS = 0.22
_BRIDGE = np.array([[-1.0, -0.3], [0.0, -0.55], [1.0, -0.3]])
_BROWN = np.array([1.0, 0.55, 0.25])  # linear RGB, of frames that are not black


def worn(camera: Camera, places: np.ndarray) -> np.ndarray:
    """Places (n, 2), (x, y) in head cm, of a thing worn before the eyes -> image px (n, 2)."""
    bent = np.concatenate([places, _AHEAD - _BEND * places[:, :1] ** 2], axis=1)
    return camera.project(camera.view(bent))


def rims(camera: Camera, roundness: float) -> list[np.ndarray]:
    """The two rims, image px (n, 2), the image-left one first; 1 is an ellipse, less is squarer."""
    around = np.linspace(0.0, 2.0 * np.pi, 49)
    wave = [np.sign(f(around)) * np.abs(f(around)) ** roundness for f in (np.cos, np.sin)]
    down = _RIM_AT[1] + _RIM_HALF[1] * wave[1]
    return [worn(camera, np.stack([side * _RIM_AT[0] + _RIM_HALF[0] * wave[0], down], axis=1)) for side in (-1.0, 1.0)]


def put_glasses(image: np.ndarray, identity: Identity, camera: Camera, light: Light) -> np.ndarray:
    """Lays the clear glasses of a person, if any, over an image (H, W, 3) of linear RGB."""
    if identity.glasses <= 0.0:
        return image
    lines = [*rims(camera, identity.glasses), worn(camera, _BRIDGE)]
    alpha = stroke(len(image), lines, _THICKNESS * camera.scale)[..., None]
    colour = (0.02 + 0.10 * (identity.noise % 3) * _BROWN / 2.0) * (0.3 + 0.7 * light.key)
    return image + (colour.astype(np.float32) - image) * alpha
