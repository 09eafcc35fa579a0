"""How sure a mean over faces is, or a share of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RESAMPLES = 2000


def bootstrap_interval(
    values: np.ndarray, statistic: Callable[..., np.ndarray] = np.mean, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic over faces.

    Each face is drawn on its own, so faces are taken for independent. Faces of one photograph or subject are not quite, and
    then the interval is somewhat too short; `Difference`, by which models are compared, counts a subject once.

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


def bootstrap_difference(
    one: np.ndarray, other: np.ndarray, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of one set of faces minus that of another, which are resampled apart.

    Args:
        one: (N,), one per face.
        other: (M,).
        confidence: In (0, 1).
        seed: Of the resampling.

    Returns:
        (low, high); both the difference itself where either is a single face.
    """
    if min(len(one), len(other)) < 2:
        value = float(np.mean(one) - np.mean(other))
        return value, value
    from scipy import stats

    result = stats.bootstrap(
        (one, other), lambda a, b, axis: a.mean(axis) - b.mean(axis), n_resamples=RESAMPLES, confidence_level=confidence,
        method="percentile", rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def share_interval(counted: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share of faces, such as the failure rate.

    With p the share among N faces and z the normal quantile: (p + z^2 / 2N -+ z sqrt(p (1 - p) / N + z^2 / 4N^2)) /
    (1 + z^2 / N). None of 8 faces says that the share is below a third: a bootstrap would say that it is 0, since whatever
    is drawn from faces that all passed has passed. Faces are taken for independent, as by `bootstrap_interval`.

    >>> tuple(round(end, 4) for end in share_interval(np.zeros(8, bool)))  # z^2 / (8 + z^2)
    (0.0, 0.3244)

    Args:
        counted: (N,) bool, the faces that the share is of; at least one face.
        confidence: In (0, 1).

    Reference: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927; Brown, Cai, DasGupta,
    "Interval Estimation for a Binomial Proportion", Statistical Science 2001, section 3.1.1.
    """
    from scipy import stats

    result = stats.binomtest(int(counted.sum()), len(counted)).proportion_ci(confidence, method="wilson")
    return float(result.low), float(result.high)


def crossed_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the mean over trainings and faces that holds for other trainings, and for other faces.

    Each training is measured on the same faces: value = mean + training + face + rest, all three random. With the mean
    squares of the two-way analysis of variance, MS_t, MS_f and MS_r, of S trainings and N faces, the variance of the
    mean is estimated by (MS_f + max(0, MS_t - MS_r)) / (S N), and the interval is the mean -+ t times its root, with
    Satterthwaite's degrees of freedom. A bootstrap of three trainings would take a third off their variance.

    Args:
        values: (S, N), a row for each training (seed). For two ways to train: their differences, seed by seed and
            face by face.
        confidence: In (0, 1).

    Raises:
        ValueError: Fewer than two trainings, or fewer than two faces.

    Reference: Searle, Casella, McCulloch, "Variance Components", 1992, section 4.4 (two-way crossed, no interaction);
    Satterthwaite, "An Approximate Distribution of Estimates of Variance Components", Biometrics 1946.
    """
    trainings, faces = values.shape
    if trainings < 2 or faces < 2:
        raise ValueError(f"an interval over trainings and faces takes two of each, got {trainings} and {faces}")
    from scipy import stats

    mean, by_training, by_face = values.mean(), values.mean(1), values.mean(0)
    rest = values - by_training[:, None] - by_face + mean
    square_t = faces * by_training.var(ddof=1)
    square_f = trainings * by_face.var(ddof=1)
    square_r = (rest**2).sum() / ((trainings - 1) * (faces - 1))
    total, squares = square_f, square_f**2 / (faces - 1)
    if square_t > square_r:
        total += square_t - square_r
        squares += square_t**2 / (trainings - 1) + square_r**2 / ((trainings - 1) * (faces - 1))
    if total == 0:
        return float(mean), float(mean)
    half = stats.t.ppf((1 + confidence) / 2, total**2 / squares) * np.sqrt(total / values.size)
    return float(mean - half), float(mean + half)
