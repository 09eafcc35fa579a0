"""Everything that a protocol says of a set of faces, as one plain dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from components.metrics.curves import auc, failure_rate
from components.metrics.protocols import Protocol
from components.metrics.uncertainty import bootstrap_interval
from components.schemes import Scheme


def summarise(
    errors: np.ndarray, normaliser: np.ndarray, subsets: Sequence[Sequence[str]], scheme: Scheme, protocol: Protocol
) -> dict:
    """NME, failure rate and AUC with 95% intervals, for all faces, per subset and per landmark.

    Args:
        errors: (N, K), image px.
        normaliser: (N,), image px.
        subsets: Names per face.
        scheme: Of the landmarks.
        protocol: Whose thresholds apply, and which is named in the result.

    Returns:
        Fractions, JSON-ready.

    Raises:
        ValueError: No faces.
    """
    if not len(errors):
        raise ValueError("no faces to measure")
    relative = errors / normaliser[:, None]
    per_face = relative.mean(axis=1)
    names = sorted({name for face in subsets for name in face})
    members = {name: np.array([name in face for face in subsets]) for name in names}
    return {
        "protocol": {**asdict(protocol), "hash": protocol.hash},
        "scheme": scheme.name,
        **_figures(per_face, protocol),
        "subsets": {name: _figures(per_face[chosen], protocol) for name, chosen in members.items()},
        "landmarks": dict(zip(scheme.names, relative.mean(axis=0).tolist(), strict=True)),
    }


def _figures(per_face: np.ndarray, protocol: Protocol) -> dict:
    failed = partial(failure_rate, threshold=protocol.failure_threshold)
    area = partial(auc, threshold=protocol.auc_threshold)
    figures: dict[str, Any] = {"num_faces": len(per_face)}
    for name, statistic in (("nme", np.mean), ("failure_rate", failed), ("auc", area)):
        figures[name] = float(statistic(per_face))
        figures[f"{name}_interval"] = list(bootstrap_interval(per_face, statistic))
    return figures
