"""The normalised mean error of a face."""

from __future__ import annotations

import numpy as np


def landmark_errors(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Euclidean distances (N, K) of landmarks (N, K, 2), (x, y), in their unit; computed in float64.

    NaN where the truth has no position: nothing can be said there. Infinite where it has one and the prediction is not
    finite: that is an error, and must not be passed over.

    >>> landmark_errors(np.array([[[3.0, 4.0], [1.0, 1.0]]]), np.array([[[0.0, 0.0], [np.nan, np.nan]]]))
    array([[ 5., nan]])
    """
    truth = truth.astype(np.float64)
    distances = np.linalg.norm(predicted.astype(np.float64) - truth, axis=-1)
    labelled = np.isfinite(truth).all(axis=-1)
    return np.where(labelled, np.where(np.isfinite(distances), distances, np.inf), np.nan)


def labelled_mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """The mean along an axis of the values that are not NaN; NaN where all are.

    >>> labelled_mean(np.array([[1.0, 3.0, np.nan], [np.nan, np.nan, np.nan]]))
    array([ 2., nan])
    """
    labelled = ~np.isnan(values)
    count = labelled.sum(axis=axis)
    return np.where(count > 0, np.where(labelled, values, 0.0).sum(axis=axis) / np.maximum(count, 1), np.nan)


def check_normaliser(normaliser: np.ndarray) -> None:
    """Refuses normalisers (N,) that errors cannot be divided by.

    Raises:
        ValueError: One is not above 0, or NaN, as where its landmarks or its box are missing; says how many.
    """
    bad = np.flatnonzero(~(normaliser > 0) | ~np.isfinite(normaliser))
    if len(bad):
        raise ValueError(
            f"a normaliser is not above 0: {len(bad)} of {len(normaliser)} faces, the first is row {bad[0]} with "
            f"{normaliser[bad[0]]}; its landmarks coincide or are missing"
        )


def nme(predicted: np.ndarray, truth: np.ndarray, normaliser: np.ndarray) -> np.ndarray:
    """Normalised mean error: the mean over the labelled landmarks of the distance, divided by the face's normaliser.

    Args:
        predicted: (N, K, 2), (x, y), image px.
        truth: (N, K, 2), (x, y), image px; NaN where a landmark has no position.
        normaliser: (N,), image px, see `Protocol.normalise`.

    Returns:
        (N,) float64, a fraction (0.034, not 3.4 per cent); infinite where a labelled landmark is predicted nowhere.

    Raises:
        ValueError: Shapes that do not go together, a normaliser that is not above 0, or a face without any landmark.
    """
    if predicted.shape != truth.shape or normaliser.shape != truth.shape[:1]:
        raise ValueError(f"shapes do not match: {predicted.shape}, {truth.shape}, {normaliser.shape}")
    check_normaliser(normaliser)
    means = labelled_mean(landmark_errors(predicted, truth))
    if np.isnan(means).any():
        raise ValueError(f"{np.isnan(means).sum()} of {len(means)} faces have no labelled landmark")
    return means / normaliser
