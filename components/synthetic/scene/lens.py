"""From light to a picture: blur, tone, sensor noise."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

_GRAIN = 1 << 20  # numbers of sensor noise
_GRAIN_SEED = 902  # any would do, but another one is another sensor
_SIZE = 320  # side of the picture, px, that the numbers below are for

# Ranges, px.
_SOFT = (0.3, 0.6)  # deviation of any lens' blur
_OUT_OF_FOCUS = (1.8, 3.4)  # the same, of a strong one
_MOVED = (7.0, 14.0)  # length of a streak
# Of a picture's brightness, 0..1.
_NOISE = (0.003, 0.012)  # deviation of the sensor's noise
_DARK_SENSOR, _DARK_NOISE = 0.12, 2.5  # chance of a bad sensor, and how much noisier it is
_SHOULDER = (0.10, 0.35)  # light x gives x (1 + a x) / (1 + b x): highlights bend before they clip


@cache
def _grain() -> np.ndarray:
    """Sensor noise, drawn once: every picture starts reading it at a place of its own."""
    return np.random.default_rng(_GRAIN_SEED).standard_normal(_GRAIN, dtype=np.float32)


def blur(image: np.ndarray, rng: np.random.Generator, strong: bool) -> np.ndarray:
    """(H, W, 3) slightly soft as any lens; with strong, out of focus or moved."""
    size = image.shape[0]
    if not strong:
        return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(*_SOFT)) * size / _SIZE)
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(*_OUT_OF_FOCUS)) * size / _SIZE)
    length = float(rng.uniform(*_MOVED)) * size / _SIZE
    return cv2.filter2D(image, -1, _streak(length, rng.uniform(0.0, np.pi)), borderType=cv2.BORDER_REPLICATE)


def _streak(length: float, angle: float) -> np.ndarray:
    """A kernel that smears along a line, centred so that nothing shifts."""
    half = int(np.ceil(length / 2)) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    along = np.abs(x * np.cos(angle) + y * np.sin(angle))
    aside = np.abs(-x * np.sin(angle) + y * np.cos(angle))
    kernel = np.clip(length / 2 + 0.5 - along, 0.0, 1.0) * np.clip(1.0 - aside, 0.0, 1.0)
    return kernel / kernel.sum()


def develop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) linear RGB -> uint8, with a shoulder for highlights, a gamma of two and sensor noise."""
    light = np.maximum(image, 0.0)
    tone = np.sqrt(light * (1.0 + _SHOULDER[0] * light) / (1.0 + _SHOULDER[1] * light))
    sigma = float(rng.uniform(*_NOISE)) * (_DARK_NOISE if rng.random() < _DARK_SENSOR else 1.0)
    start = int(rng.integers(_GRAIN // 2))
    grain = np.resize(_grain()[start:], tone.shape)
    tone = tone + sigma * grain * (0.6 + 0.4 * tone)
    return np.clip(np.round(tone.astype(np.float64) * 255.0), 0.0, 255.0).astype(np.uint8)
