"""Draws what is around a person at random: camera, light, clothes."""

from __future__ import annotations

import numpy as np

from components.synthetic.paint.body import Clothes
from components.synthetic.paint.light import Light
from components.synthetic.shape.camera import Camera

_SIZE = 320.0  # side of the picture, px, that the camera's numbers are for
_CENTRE = np.array([159.5, 156.0])  # px; a little high, as chin and neck hang below the eyes
_MOVED = 9.0  # px, the most that a head is off it
_SCALE = (7.2, 9.3)  # px a cm: a head of 24 cm is a half to two thirds of the picture high
_DISTANCE = (55.0, 160.0)  # cm: an arm's length to across a table
_YAW = (14.0, 33.0)  # degrees, deviation and limit, of a face that looks at the camera ...
_TURNED = (36.0, 60.0)  # ... and range of one that does not; at 60 the far eye is going
_PITCH = (7.0, 20.0)  # degrees, deviation and limit
_ROLL = (8.0, 25.0)


def draw_camera(rng: np.random.Generator, size: int, turned: bool) -> Camera:
    """A camera for pictures of size x size px, before a head that is turned or hardly."""
    side = float(rng.choice([-1.0, 1.0]))
    yaw = side * rng.uniform(*_TURNED) if turned else _around_zero(rng, *_YAW)
    pitch, roll = _around_zero(rng, *_PITCH), _around_zero(rng, *_ROLL)
    unit = size / _SIZE
    centre = _CENTRE + rng.uniform(-_MOVED, _MOVED, 2)
    return Camera(yaw, pitch, roll, float(rng.uniform(*_SCALE)) * unit, tuple(centre * unit), rng.uniform(*_DISTANCE))


def _around_zero(rng: np.random.Generator, deviation: float, limit: float) -> float:
    return float(np.clip(rng.normal(0.0, deviation), -limit, limit))


def draw_light(rng: np.random.Generator, harsh: bool) -> Light:
    """A soft daylight or a room; with harsh, a hard lamp from the side, a dark room or a coloured lamp."""
    azimuth, elevation = rng.normal(0.0, 0.55), rng.uniform(0.15, 0.85)  # rad
    warm = np.array([1.0 + 0.10 * rng.normal(), 1.0, 1.0 + 0.12 * rng.normal()])
    key, ambient, exposure, rim = (rng.uniform(1.0, 1.4), rng.uniform(0.34, 0.55), rng.uniform(0.85, 1.1), 0.10)
    if harsh:
        kind = rng.integers(3)
        azimuth, elevation = (rng.choice([-1.0, 1.0]) * rng.uniform(1.1, 1.6), rng.uniform(-0.3, 0.9))
        if kind == 0:  # a hard lamp
            key, ambient = rng.uniform(1.9, 2.5), rng.uniform(0.06, 0.12)
        elif kind == 1:  # a dark room
            key, ambient, exposure = (rng.uniform(0.6, 0.9), rng.uniform(0.15, 0.3), rng.uniform(0.18, 0.32))
        else:  # a coloured lamp
            key, ambient, rim = rng.uniform(1.4, 1.9), rng.uniform(0.12, 0.22), 0.9
            warm = rng.uniform(0.5, 1.2, 3)
    tint = np.array([0.95, 1.0, 1.07]) * (1.0 + 0.05 * rng.normal(size=3))  # the sky is a little blue
    back = rim * rng.uniform(0.2, 1.0) * rng.uniform(0.7, 1.2, 3)
    sky, ground = 1.2 * ambient * tint, 0.62 * ambient * warm
    return Light(_direction(azimuth, elevation), key * warm, sky, ground, back, float(exposure))


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    """(3,) unit vector towards a lamp that stands so far right and up in the picture, rad."""
    flat = np.cos(elevation)
    return np.array([flat * np.sin(azimuth), -np.sin(elevation), flat * np.cos(azimuth)])


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
