"""The cumulative error distribution (CED) and what is read off it, in closed form."""

from __future__ import annotations

import numpy as np


def ced(errors: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Share of faces (N,) with an error of at most each threshold (T,) -> (T,)."""
    return np.searchsorted(np.sort(errors), thresholds, side="right") / len(errors)


def failure_rate(errors: np.ndarray, threshold: float, axis: int = -1) -> np.ndarray:
    """Share of faces with an error above the threshold, along an axis."""
    return (errors > threshold).mean(axis=axis)


def auc(errors: np.ndarray, threshold: float, axis: int = -1) -> np.ndarray:
    """Area under the CED from 0 to the threshold, divided by the threshold, along an axis.

    A face of error e adds the step from e on, so the area is exactly mean(max(0, 1 - e / threshold)).

    >>> float(auc(np.array([0.02, 0.05, 0.3]), threshold=0.1))  # (0.8 + 0.5 + 0) / 3
    0.43333333333333335
    """
    return np.maximum(0.0, 1.0 - errors / threshold).mean(axis=axis)
