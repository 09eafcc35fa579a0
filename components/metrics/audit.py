"""The audit of a metrics file: identities that its figures must satisfy, whatever the faces.

With e a face's NME, f the failure threshold, a the AUC's, FR = share(e > f), AUC = mean(max(0, 1 - e / a)):

    FR * f <= NME                                   (Markov)
    1 - NME / a <= AUC                              (max(0, x) >= x); equal where no face is beyond a
    (1 - FR) * max(0, 1 - f / a) <= AUC <= 1 - FR * min(1, f / a)      (a failed face has e > f, another e <= f)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from components.metrics.curves import auc, failure_rate
from components.metrics.summary import FIGURES, members_of

# Figures are doubles of the same faces: only the order of sums differs.
TOLERANCE = 1e-9
# Papers integrate the CED by Simpson's rule with this step.
# Reference: STAR, lib/metric/fr_and_auc.py; HIH's code has the same.
SIMPSON_STEP = 1e-4


@dataclass(frozen=True, eq=False)
class Evidence:
    """The faces that a metrics file is about.

    Attributes:
        nme: (N,), fractions.
        subsets: Names per face.
        complete: Whether every landmark of every face is labelled.
        curve: Thresholds (T,), rising, and the shares (T,) of faces up to each; None where no CED is written.
    """

    nme: np.ndarray
    subsets: Sequence[Sequence[str] | None]
    complete: bool
    curve: tuple[np.ndarray, np.ndarray] | None = None


def audit(metrics: dict, evidence: Evidence) -> list[str]:
    """Checks every identity that applies.

    Args:
        metrics: As `summarise` makes it.
        evidence: Its faces.

    Returns:
        The names of what was checked, sorted.

    Raises:
        ValueError: The figures contradict each other or the faces; lists every violation.
    """
    wrong, checked = [], []
    for name, (applies, check) in sorted(CHECKS.items()):
        if applies(metrics, evidence):
            checked.append(name)
            wrong += [f"{name}: {violation}" for violation in check(metrics, evidence)]
    if wrong:
        raise ValueError("inconsistent metrics, not written: " + "; ".join(wrong))
    return checked


Check = Callable[[dict, Evidence], Iterator[str]]


def simpson_tolerance(threshold: float) -> float:
    """How far Simpson's rule may be off the area of a CED, divided by the threshold.

    A face of error e adds the step from e on, of area a - e. With nodes h apart, weighted h/3 (1, 4, 2, 4, ..., 4, 1), and
    e in (x_j - h, x_j], the rule gives a - x_j + h/3 for even j, and a - x_j + 2h/3 for odd j: it is off by at most 2h/3
    to either side. A mean over faces is off by no more, however many there are and even if all errors are equal; where
    errors fall anywhere between nodes it is off by h / (3 sqrt(N)) (one standard deviation): 1.5e-5 of 500 faces.

    >>> round(simpson_tolerance(0.1), 7)  # 2/3 of a thousandth
    0.0006667
    """
    return 2 / 3 * SIMPSON_STEP / threshold


def simpson_auc(errors: np.ndarray, threshold: float) -> float:
    """The AUC as papers compute it: Simpson's integral of the CED, at nodes `SIMPSON_STEP` apart, over the threshold.

    The nodes end at the threshold. The released `np.arange(0, threshold + step, step)` rounds to one more at 0.05 and at
    0.07, so that AUCs computed with it there are too high by up to 0.0020 and 0.0014.
    """
    from scipy.integrate import simpson  # not for every worker that touches metrics

    grid = np.linspace(0, threshold, round(threshold / SIMPSON_STEP) + 1)
    return float(simpson(np.searchsorted(np.sort(errors), grid, side="right") / len(errors), x=grid) / threshold)


def _figures(metrics: dict) -> Iterator[tuple[str, dict]]:
    yield "all faces", metrics
    yield from metrics["subsets"].items()


def _ranges(metrics: dict, evidence: Evidence) -> Iterator[str]:
    for of, figures in _figures(metrics):
        for name, highest in (("nme", math.inf), ("failure_rate", 1.0), ("auc", 1.0)):
            if not (0 <= figures[name] <= highest and math.isfinite(figures[name])):
                yield f"{name} of {of} is {figures[name]}, outside [0, {highest}]"


def _intervals(metrics: dict, evidence: Evidence) -> Iterator[str]:
    for of, figures in _figures(metrics):
        for name in FIGURES:
            low, high = figures.get(f"{name}_interval", (figures[name],) * 2)
            if not low - TOLERANCE <= figures[name] <= high + TOLERANCE:
                yield f"the interval of {name} of {of}, {low} to {high}, is without {figures[name]} itself"


def _counts(metrics: dict, evidence: Evidence) -> Iterator[str]:
    if metrics["num_faces"] != len(evidence.nme):
        yield f"num_faces is {metrics['num_faces']}, there are {len(evidence.nme)}"
    sizes = {name: int(chosen.sum()) for name, chosen in members_of(evidence.subsets).items()}
    said = {name: figures["num_faces"] for name, figures in metrics["subsets"].items()}
    if said != sizes:
        yield f"the subsets' sizes are {said}, there are {sizes}"
    for name, count in said.items():
        if not 0 < count <= metrics["num_faces"]:
            yield f"{name} has {count} of {metrics['num_faces']} faces"


def _partition(metrics: dict, evidence: Evidence) -> Iterator[str]:
    total = sum(figures["num_faces"] for figures in metrics["subsets"].values())
    for name in FIGURES:
        mean = sum(figures["num_faces"] * figures[name] for figures in metrics["subsets"].values()) / max(total, 1)
        if not _close(mean, metrics[name]):
            yield f"{name} is {metrics[name]}, the subsets' weighted mean {mean}"


def _bounds(metrics: dict, evidence: Evidence) -> Iterator[str]:
    fail, area = (metrics["protocol"][f"{name}_threshold"] for name in ("failure", "auc"))
    for of, figures in _figures(metrics):
        mean, failed, auc_ = (figures[name] for name in FIGURES)
        if failed * fail > mean + TOLERANCE:
            yield f"NME of {of} is {mean}, but {failed} of the faces are above {fail}"
        low = max(1 - mean / area, (1 - failed) * max(0.0, 1 - fail / area))
        high = 1 - failed * min(1.0, fail / area)
        if not low - TOLERANCE <= auc_ <= high + TOLERANCE:
            yield f"AUC of {of} is {auc_}, outside [{low}, {high}] by its NME and failure rate"
        if failed == 0 and fail <= area and not _close(auc_, 1 - mean / area):
            yield f"no face of {of} fails, so its AUC is 1 - NME / {area} = {1 - mean / area}, not {auc_}"


def _faces(metrics: dict, evidence: Evidence) -> Iterator[str]:
    protocol, members = metrics["protocol"], members_of(evidence.subsets)
    for of, figures in _figures(metrics):
        errors = evidence.nme[members[of]] if of in members and figures is not metrics else evidence.nme
        expected = {
            "nme": math.fsum(errors) / len(errors),
            "failure_rate": float(failure_rate(errors, protocol["failure_threshold"])),
            "auc": float(auc(errors, protocol["auc_threshold"])),
        }
        for name, value in expected.items():
            if not _close(figures[name], value):
                yield f"{name} of {of} is {figures[name]}, by its {len(errors)} faces {value}"


def _simpson(metrics: dict, evidence: Evidence) -> Iterator[str]:
    threshold = metrics["protocol"]["auc_threshold"]
    published, tolerance = simpson_auc(evidence.nme, threshold), simpson_tolerance(threshold)
    if not abs(published - metrics["auc"]) <= tolerance + TOLERANCE:
        yield f"AUC is {metrics['auc']}, by Simpson's rule {published}, which is off by {tolerance} at most"


def _landmarks(metrics: dict, evidence: Evidence) -> Iterator[str]:
    mean = math.fsum(metrics["landmarks"].values()) / len(metrics["landmarks"])
    if not _close(mean, metrics["nme"]):
        yield f"NME is {metrics['nme']}, the mean of the landmarks' {mean}"


def _ced(metrics: dict, evidence: Evidence) -> Iterator[str]:
    """The shares rise within [0, 1], and the steps below and above the curve have the AUC between their areas."""
    assert evidence.curve is not None
    thresholds, shares = evidence.curve
    if np.any(np.diff(shares) < 0) or shares.min() < 0 or shares.max() > 1:
        yield "the shares of faces do not rise from 0 to 1 with the threshold"
    widths = np.diff(thresholds) / metrics["protocol"]["auc_threshold"]
    low, high = float(widths @ shares[:-1]), float(widths @ shares[1:])
    if not low - TOLERANCE <= metrics["auc"] <= high + TOLERANCE:
        yield f"AUC is {metrics['auc']}, by the curve between {low} and {high}"
    at = np.flatnonzero(thresholds == metrics["protocol"]["failure_threshold"])
    if len(at) and not _close(1 - float(shares[at[0]]), metrics["failure_rate"]):
        yield f"the failure rate is {metrics['failure_rate']}, by the curve {1 - float(shares[at[0]])}"


def _is_partition(metrics: dict, evidence: Evidence) -> bool:
    return all(len(set(names or ())) == 1 for names in evidence.subsets)


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _always(metrics: dict, evidence: Evidence) -> bool:
    return True


# Name -> (whether it applies, the check).
CHECKS: dict[str, tuple[Callable[[dict, Evidence], bool], Check]] = {
    "AUC as published": (_always, _simpson),
    "CED": (lambda metrics, evidence: evidence.curve is not None, _ced),
    "NME, FR and AUC bound each other": (_always, _bounds),
    "counts": (_always, _counts),
    "figures are the faces'": (_always, _faces),
    "intervals": (_always, _intervals),
    "mean of landmarks": (lambda metrics, evidence: evidence.complete, _landmarks),
    "mean of subsets": (_is_partition, _partition),
    "ranges": (_always, _ranges),
}
