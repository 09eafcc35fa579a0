"""What is behind a face: rooms, streets, leaves, all out of focus."""

from __future__ import annotations

import cv2
import numpy as np

_BLURS = [0.010, 0.020, 0.035]  # parts of the picture's side
_LIT_ITSELF = 0.35  # how much of its light a dark exposure leaves it
_VIVID = 0.15  # chance of a strong colour


def draw_background(rng: np.random.Generator, size: int, exposure: float) -> np.ndarray:
    """(size, size, 3) float32 linear RGB."""
    small = max(size // 2, 32)  # half as large will do: it is out of focus
    kind = rng.integers(4)
    canvas = _gradient(rng, small)
    if kind == 0:
        _boxes(rng, canvas)
    elif kind == 1:
        _discs(rng, canvas, int(rng.integers(12, 40)), 0.02, 0.09)
    elif kind == 2:
        _boxes(rng, canvas)
        _discs(rng, canvas, int(rng.integers(4, 14)), 0.02, 0.06)
    else:
        _leaves(rng, canvas)
    canvas = cv2.GaussianBlur(canvas, (0, 0), float(rng.choice(_BLURS) * small))
    canvas = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(canvas, 0.0, None) * np.float32(_LIT_ITSELF + (1.0 - _LIT_ITSELF) * exposure)


def _colour(rng: np.random.Generator, bright: float = 1.0) -> np.ndarray:
    """A wall, wood or cloth, linear RGB; now and then a vivid one."""
    vivid = 0.45 if rng.random() < _VIVID else 0.13
    tint = np.clip(1.0 + rng.normal(0.0, vivid, 3) + np.array([0.06, 0.0, -0.06]), 0.1, 2.0)
    return (rng.beta(1.3, 2.2) * bright * tint).astype(np.float32)


def _gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    angle = rng.uniform(0.0, 2.0 * np.pi)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    ramp = np.clip(0.5 + x * np.cos(angle) + y * np.sin(angle), 0.0, 1.0)[..., None]
    return (_colour(rng) * ramp + _colour(rng) * (1.0 - ramp)).astype(np.float32)


def _boxes(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """Shelves, windows, door frames."""
    size = len(canvas)
    for _ in range(rng.integers(6, 22)):
        x, y = rng.uniform(-0.1, 1.0, 2) * size
        w, h = rng.uniform(0.04, 0.45) * size, rng.uniform(0.1, 0.9) * size
        colour = _colour(rng, float(rng.uniform(0.4, 1.6)))
        corner = (int(x), int(y)), (int(x + w), int(y + h))
        cv2.rectangle(canvas, corner[0], corner[1], colour.tolist(), -1)


def _discs(rng: np.random.Generator, canvas: np.ndarray, count: int, low: float, high: float) -> None:
    """Lamps out of focus."""
    size = len(canvas)
    layer = np.zeros_like(canvas)
    lamp = np.array([1.0, 0.8, 0.55]) * rng.uniform(0.3, 1.2)
    for _ in range(count):
        centre = tuple(int(v) for v in rng.uniform(0.0, 1.0, 2) * size * 16)
        radius = int(rng.uniform(low, high) * size * 16)
        cv2.circle(layer, centre, radius, (_colour(rng, 1.4) + lamp * 0.25).tolist(), -1, cv2.LINE_AA, 4)
    canvas += layer * np.float32(rng.uniform(0.4, 1.0))


def _leaves(rng: np.random.Generator, canvas: np.ndarray) -> None:
    """Foliage."""
    size = len(canvas)
    green = np.array([0.10, 0.20, 0.05]) * rng.uniform(0.5, 2.0)
    for _ in range(rng.integers(60, 140)):
        centre = tuple(int(v) for v in rng.uniform(0.0, 1.0, 2) * size)
        axes = (int(rng.uniform(0.02, 0.08) * size), int(rng.uniform(0.01, 0.04) * size))
        colour = np.clip(0.7 * green * rng.uniform(0.2, 1.8) + 0.03 * rng.random(3), 0.0, 1.0)
        cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour.tolist(), -1, cv2.LINE_AA)
