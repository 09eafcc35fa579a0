"""Protocols: what a number means. The same predictions give 2.99, 4.20, 1.74 or 1.23 by the normaliser alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from components.schemes import Scheme


def _inter_ocular(truth: np.ndarray, scheme: Scheme) -> np.ndarray:
    right, left = scheme.inter_ocular
    return np.linalg.norm(truth[:, right] - truth[:, left], axis=-1)


def _inter_pupil(truth: np.ndarray, scheme: Scheme) -> np.ndarray:
    right, left = (truth[:, list(pupil)].mean(axis=1) for pupil in scheme.pupils)
    return np.linalg.norm(right - left, axis=-1)


# (truth (N, K, 2) image px, scheme) -> (N,) image px.
NORMALISERS: dict[str, Callable[[np.ndarray, Scheme], np.ndarray]] = {
    "inter_ocular": _inter_ocular,
    "inter_pupil": _inter_pupil,
}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How errors are measured; always in px of the original picture.

    Attributes:
        name: Key in `PROTOCOLS`.
        normaliser: Key in `NORMALISERS`.
        failure_threshold: NME above which a face counts as failed, a fraction.
        auc_threshold: NME up to which the area under the CED is taken, a fraction.
        box: Where the boxes come from: "landmarks" (the tight box of the truth) or "annotated" (the dataset's own).
    """

    name: str
    normaliser: str
    failure_threshold: float
    auc_threshold: float
    box: str

    @property
    def hash(self) -> str:
        """12 hexadecimal digits of every field: numbers of unequal hashes must not be compared."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    def normalise(self, truth: np.ndarray, scheme: Scheme) -> np.ndarray:
        """The normaliser (N,), image px, of landmarks (N, K, 2), (x, y), image px."""
        return NORMALISERS[self.normaliser](truth.astype(np.float64), scheme)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="inter_ocular", normaliser="inter_ocular", failure_threshold=0.1, auc_threshold=0.1, box="landmarks"
        ),
        Protocol(
            name="inter_pupil", normaliser="inter_pupil", failure_threshold=0.1, auc_threshold=0.1, box="landmarks"
        ),
    )
}
