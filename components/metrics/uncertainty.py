"""How sure a mean over faces is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RESAMPLES = 2000


def bootstrap_interval(
    values: np.ndarray, statistic: Callable[..., np.ndarray] = np.mean, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic over faces.

    Args:
        values: (N,), one per face. For two models on the same faces: their differences, face by face.
        statistic: Takes an `axis` argument.
        confidence: In (0, 1).
        seed: Of the resampling.

    Returns:
        (low, high); both the value itself for a single face.

    Reference: Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    if len(values) < 2:
        value = float(statistic(values, axis=-1))
        return value, value
    from scipy import stats  # a second to import: not for every worker that touches metrics

    result = stats.bootstrap(
        (values,), statistic, n_resamples=RESAMPLES, confidence_level=confidence, method="percentile",
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
