"""Noise textures, drawn once: pores, blotches, strands."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

SIDE = 512


@cache
def cloud(cell: int, stretch: int = 1) -> np.ndarray:
    """(SIDE, SIDE) float32 smooth noise, mean 0, deviation 1; a cell is that many px, stretch times as high."""
    rng = np.random.default_rng([901, cell, stretch])
    shape = (max(SIDE // (cell * stretch), 2), max(SIDE // cell, 2))
    coarse = rng.normal(size=shape).astype(np.float32)
    noise = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


@cache
def strands() -> np.ndarray:
    """(SIDE, SIDE) float32, streaks along the rows' direction (downwards), mean 0, deviation 1."""
    streaks = 0.6 * cloud(2, 48) + 0.45 * cloud(5, 24) + 0.4 * cloud(16, 12) + 0.5 * cloud(1, 32)
    return (streaks / streaks.std()).astype(np.float32)


def patch(noise: np.ndarray, height: int, width: int, seed: int) -> np.ndarray:
    """(height, width) of a noise texture, from a place that the seed decides."""
    rows = (np.arange(height) + seed % 389) % SIDE
    columns = (np.arange(width) + seed // 389 % 397) % SIDE
    return noise[np.ix_(rows, columns)]
