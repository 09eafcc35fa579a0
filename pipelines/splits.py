"""Who trains, who chooses the checkpoint, and who is measured."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pipelines.params import Params, SourceParams


def splits_of(subjects: Sequence[str], given: Sequence[str | None], params: Params, source: SourceParams) -> list[str]:
    """The split of each face of one of a recipe's datasets: as `assign_splits`, with nobody held out of one that only trains."""
    shares = (params.ingest.val_share, params.ingest.test_share) if source.held_out else (0.0, 0.0)
    return assign_splits(subjects, given, *shares)


def assign_splits(
    subjects: Sequence[str], given: Sequence[str | None], val_share: float, test_share: float
) -> list[str]:
    """The split of each face: the benchmark's own test faces where it has any, else by a hash of the subject.

    A hash, so that a face stays where it is when others come or go; of the subject, so that no person or photo is in two.
    """
    if "test" in given:
        test_share = 0.0
    share = {subject: _hash_share(subject) for subject in set(subjects)}
    return [
        own if own == "test" else _held_out(share[subject], val_share, test_share)
        for subject, own in zip(subjects, given, strict=True)
    ]


def _hash_share(subject: str) -> float:
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big") / 2**64


def _held_out(share: float, val_share: float, test_share: float) -> str:
    return "test" if share < test_share else "val" if share < test_share + val_share else "train"
