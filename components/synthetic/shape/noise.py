"""Smooth noise, drawn once: what skin, hair, brows and cloth take their unevenness from."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

SIDE = 512  # of every texture, px
_SEED = 901  # of every texture; any number would do, but another one strews other pores
_CORNERS = (389, 397)  # a patch begins in one of so many rows and columns, as its seed says


@cache
def cloud(cell: int, stretch: int = 1) -> np.ndarray:
    """(SIDE, SIDE) float32 smooth noise, mean 0, deviation 1; a cell is that many px, stretch times as high."""
    rng = np.random.default_rng([_SEED, cell, stretch])
    shape = (max(SIDE // (cell * stretch), 2), max(SIDE // cell, 2))
    coarse = rng.normal(size=shape).astype(np.float32)
    noise = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def patch(noise: np.ndarray, height: int, width: int, seed: int) -> np.ndarray:
    """(height, width) of a noise texture, from a place that the seed decides."""
    rows = (np.arange(height) + seed % _CORNERS[0]) % SIDE
    columns = (np.arange(width) + seed // _CORNERS[0] % _CORNERS[1]) % SIDE
    return noise[np.ix_(rows, columns)]
