"""Everything that a protocol says of a set of faces, as one plain dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from components.metrics.curves import auc
from components.metrics.errors import labelled_mean
from components.metrics.protocols import Protocol
from components.metrics.uncertainty import bootstrap_interval, share_interval
from components.schemes import Scheme

FIGURES = ("nme", "failure_rate", "auc")


def members_of(subsets: Sequence[Sequence[str] | None]) -> dict[str, np.ndarray]:
    """Name of a subset -> (N,) bool, its faces; in the order of the names."""
    names = sorted({name for face in subsets for name in face or ()})
    return {name: np.array([name in (face or ()) for face in subsets]) for name in names}


def summarise(
    relative: np.ndarray,
    subsets: Sequence[Sequence[str] | None],
    scheme: Scheme,
    protocol: Protocol,
    intervals: Sequence[str] = FIGURES,
) -> dict:
    """NME, failure rate and AUC with 95% intervals, for all faces, per subset and per landmark.

    The intervals of NME and AUC are percentile bootstraps over faces, that of the failure rate is Wilson's.

    Args:
        relative: (N, K) errors over the normaliser, fractions; NaN where a landmark is not labelled.
        subsets: Names per face.
        scheme: Of the landmarks.
        protocol: Whose thresholds apply, and which is named in the result.
        intervals: Which figures have one; those of NME and AUC take 2,000 resamples each.

    Returns:
        Fractions, JSON-ready; None for a landmark that is labelled in no face.

    Raises:
        ValueError: No faces, or some that cannot be measured.
    """
    if not len(relative):
        raise ValueError("no faces to measure")
    per_face = protocol.face_nme(relative)
    by_landmark = [None if np.isnan(mean) else mean for mean in labelled_mean(relative, axis=0).tolist()]
    return {
        "protocol": protocol.to_dict(),
        "scheme": scheme.name,
        **_figures(per_face, protocol, intervals),
        "subsets": {
            name: _figures(per_face[chosen], protocol, intervals) for name, chosen in members_of(subsets).items()
        },
        "landmarks": dict(zip(scheme.names, by_landmark, strict=True)),
    }


def _figures(per_face: np.ndarray, protocol: Protocol, intervals: Sequence[str]) -> dict:
    area = partial(auc, threshold=protocol.auc_threshold)
    failed = per_face > protocol.failure_threshold
    figures = {
        "nme": (float(per_face.mean()), lambda: bootstrap_interval(per_face)),
        "failure_rate": (float(failed.mean()), lambda: share_interval(failed)),
        "auc": (float(area(per_face)), lambda: bootstrap_interval(per_face, area)),
    }
    found: dict[str, Any] = {"num_faces": len(per_face)}
    for name, (value, interval) in figures.items():
        found[name] = value
        if name in intervals:
            found[f"{name}_interval"] = list(interval())
    return found
