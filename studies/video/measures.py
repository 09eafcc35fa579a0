"""Jitter, lag and error of paths of landmarks, and the two ways in which paths are smoothed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from components.metrics import PROTOCOLS
from components.schemes import Scheme
from pipelines.moving_face import FPS
from pipelines.serving.smoothing import BETA, MIN_CUTOFF_HZ, OneEuro
from studies.video.paths import Paths

SETTLED = int(FPS)  # frames that are left out: filters settle
SHIFTS = np.arange(-2.0, 12.01, 0.05)
Smoothing = Callable[[np.ndarray], np.ndarray]
Seeds = list[tuple[Paths, Paths]]  # at rest and moving, of each person


def one_euro(path: np.ndarray, min_cutoff_hz: float = MIN_CUTOFF_HZ, beta: float = BETA) -> np.ndarray:
    """A path (T, K, 2) smoothed as `find_in_video` does; after a gap it begins anew."""
    smoothed, smooth = path.copy(), None
    for i, marks in enumerate(path):
        lost = np.isnan(marks).any()
        smooth = None if lost else smooth or OneEuro(FPS, min_cutoff_hz, beta)
        smoothed[i] = marks if smooth is None else smooth(marks)
    return smoothed


def exponential(path: np.ndarray, weight: float) -> np.ndarray:
    """s = weight * x + (1 - weight) * s."""
    smoothed = path.copy()
    for i in range(1, len(path)):
        mixed = weight * path[i] + (1 - weight) * smoothed[i - 1]
        smoothed[i] = np.where(np.isnan(mixed), path[i], mixed)
    return smoothed


def distance_between_eyes(truth: np.ndarray, scheme: Scheme) -> np.ndarray:
    """(T,) of truth (T, K, 2), px."""
    return PROTOCOLS["inter_ocular"].normalise(truth, scheme)


def jitter(path: np.ndarray, truth: np.ndarray, scheme: Scheme) -> float:
    moved = np.linalg.norm(np.diff(path[SETTLED:], axis=0), axis=-1).mean(axis=-1)
    return float(np.nanmean(moved / distance_between_eyes(truth, scheme)[SETTLED + 1 :]))


def error(path: np.ndarray, truth: np.ndarray, scheme: Scheme) -> float:
    apart = np.linalg.norm(path - truth, axis=-1).mean(axis=-1)
    return float(np.nanmean((apart / distance_between_eyes(truth, scheme))[SETTLED:]))


def lag(path: np.ndarray, truth: np.ndarray) -> float:
    """Frames by which a path (T, K, 2) is late; the shift with the least squares of what is left without the mean offset."""
    first, last = SETTLED, len(path) - 3  # whatever the shift, the truth is known there
    times = np.arange(first, last)
    squares = [np.nansum(_centred(path[first:last] - _at(truth, times - shift)) ** 2) for shift in SHIFTS]
    return float(SHIFTS[int(np.argmin(squares))])


def _centred(offsets: np.ndarray) -> np.ndarray:
    return offsets - np.nanmean(offsets, axis=0)


def _at(path: np.ndarray, times: np.ndarray) -> np.ndarray:
    """A path (T, K, 2) at times between its frames."""
    low = np.clip(np.floor(times).astype(int), 0, len(path) - 2)
    part = (times - low)[:, None, None]
    return path[low] * (1 - part) + path[low + 1] * part


def measured(seeds: Seeds, boxes: str, smooth: Smoothing, scheme: Scheme) -> tuple[float, ...]:
    """Jitter at rest, lag and NME when moving: means over the seeds."""
    rows = [
        (
            jitter(smooth(still.found[boxes]), still.truth, scheme),
            lag(smooth(moved.found[boxes]), moved.truth),
            error(smooth(moved.found[boxes]), moved.truth, scheme),
        )
        for still, moved in seeds
    ]
    return tuple(np.mean(rows, axis=0))


def as_calm(seeds: Seeds, boxes: str, target: float, scheme: Scheme) -> float:
    """The exponential weight whose jitter is the target's, by halving."""
    low, high = 0.0, 1.0
    for _ in range(30):
        weight = (low + high) / 2
        calm = np.mean([jitter(exponential(still.found[boxes], weight), still.truth, scheme) for still, _ in seeds])
        low, high = (weight, high) if calm < target else (low, weight)
    return (low + high) / 2
