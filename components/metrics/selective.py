"""Whether a model knows how sure it is: the errors that it expects of faces, held against those that they have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from components.metrics.uncertainty import bootstrap_difference


class Bin(NamedTuple):
    """Values of which about the same is expected.

    Attributes:
        size: How many.
        expected: Their mean expected error.
        observed: Their mean error.
    """

    size: int
    expected: float
    observed: float


def calibration(expected: np.ndarray, observed: np.ndarray, num_bins: int) -> list[Bin]:
    """Errors (M,) in bins of about as many each, the smallest expected ones first; fewer bins than asked for, of fewer values."""
    order = np.argsort(expected, kind="stable")
    parts = [part for part in np.array_split(order, num_bins) if len(part)]
    return [Bin(len(part), float(expected[part].mean()), float(observed[part].mean())) for part in parts]


def risk_by_coverage(expected: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """The mean error (N,) of the first, the first two, ... of N faces, when those come first of which the least is expected.

    Reference: El-Yaniv, Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010: its risk-coverage curve.
    """
    ordered = observed[np.argsort(expected, kind="stable")].astype(np.float64)
    return np.cumsum(ordered) / np.arange(1, len(ordered) + 1)


def halves(expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the faces (N,) of which less is expected, and of the others; of an odd number, one more are the others."""
    order = np.argsort(expected, kind="stable")
    return order[: len(order) // 2], order[len(order) // 2 :]


def summarise_expected(expected: np.ndarray, observed: np.ndarray) -> dict:
    """What is to be said of at least two faces in a few numbers.

    Args:
        expected: (N,) error of each face.
        observed: (N,), in the same unit.

    Returns:
        JSON-ready, in that unit: means over all faces; the same of the half that the model is surer of and of the other; how much
        more the other half errs, with the 95% interval of that; and the area under the curve of risk by coverage, which is the
        mean over all coverages, and the mean error itself for a model that knows nothing of its faces.
    """
    sure, other = halves(expected)
    return {
        "expected": float(expected.mean()),
        "observed": float(observed.mean()),
        "surer_half": {"expected": float(expected[sure].mean()), "observed": float(observed[sure].mean())},
        "other_half": {"expected": float(expected[other].mean()), "observed": float(observed[other].mean())},
        "difference": float(observed[other].mean() - observed[sure].mean()),
        "difference_interval": list(bootstrap_difference(observed[other], observed[sure])),
        "risk_coverage_area": float(risk_by_coverage(expected, observed).mean()),
    }
