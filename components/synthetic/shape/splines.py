"""Smooth curves through a few knots, and smooth steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Curve = Callable[[np.ndarray], np.ndarray]


def smoothstep(value: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """0 below low, 1 above high, a cubic between; low > high turns it round."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bell(distance: np.ndarray, width: float) -> np.ndarray:
    """exp(-(distance / width)^2 / 2)."""
    return np.exp(-0.5 * np.square(distance / width))


def spline(knots: Sequence[tuple[float, float]]) -> Curve:
    """A cubic through knots (position, value) that never overshoots them; constant beyond the ends.

    Reference: Fritsch and Butland, 1984 (harmonic mean of the slopes).
    """
    x, y = np.array(knots, dtype=np.float64).T
    step = np.diff(x)
    slope = np.diff(y) / step
    product = slope[:-1] * slope[1:]
    total = np.where(slope[:-1] + slope[1:] == 0.0, 1.0, slope[:-1] + slope[1:])
    inner = np.where(product > 0.0, 2.0 * product / total, 0.0)
    tangent = np.concatenate([slope[:1], inner, slope[-1:]])

    def evaluate(position: np.ndarray) -> np.ndarray:
        q = np.clip(position, x[0], x[-1])
        i = np.clip(np.searchsorted(x, q, side="right") - 1, 0, len(step) - 1)
        t, h = (q - x[i]) / step[i], step[i]
        rise = y[i] * (1 + 2 * t) * (1 - t) ** 2 + y[i + 1] * t * t * (3 - 2 * t)
        return rise + h * t * (1 - t) * (tangent[i] * (1 - t) - tangent[i + 1] * t)

    return evaluate
