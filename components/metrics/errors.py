"""The normalised mean error of a face."""

from __future__ import annotations

import numpy as np


def landmark_errors(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Euclidean distances (N, K), px, of landmarks (N, K, 2), (x, y), image px; computed in float64."""
    return np.linalg.norm(predicted.astype(np.float64) - truth.astype(np.float64), axis=-1)


def nme(predicted: np.ndarray, truth: np.ndarray, normaliser: np.ndarray) -> np.ndarray:
    """Normalised mean error: the mean over the landmarks of the distance, divided by the face's normaliser.

    Args:
        predicted: (N, K, 2), (x, y), image px.
        truth: (N, K, 2), (x, y), image px.
        normaliser: (N,), image px, see `Protocol.normalise`.

    Returns:
        (N,) float64, a fraction (0.034, not 3.4 per cent).

    Raises:
        ValueError: Shapes that do not go together, or a normaliser that is not above 0.
    """
    if predicted.shape != truth.shape or normaliser.shape != truth.shape[:1]:
        raise ValueError(f"shapes do not match: {predicted.shape}, {truth.shape}, {normaliser.shape}")
    if not np.all(normaliser > 0):
        raise ValueError("a normaliser is not above 0")
    return landmark_errors(predicted, truth).mean(axis=-1) / normaliser
