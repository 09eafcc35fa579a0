"""Who trains, who chooses the checkpoint, who is measured, and who is kept aside for a last look."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pipelines.params import Params, SourceParams


def splits_of(subjects: Sequence[str], given: Sequence[str | None], params: Params, source: SourceParams) -> list[str]:
    """The split of each face of one of a recipe's datasets: as `assign_splits`, with nobody held out of one that only trains.

    Raises:
        ValueError: Faces are to be kept aside of a benchmark's own test faces.
    """
    ingest = params.ingest
    shares = (ingest.val_share, ingest.test_share, ingest.reserve_share) if source.held_out else (0.0, 0.0)
    return assign_splits(subjects, given, *shares)


def assign_splits(
    subjects: Sequence[str],
    given: Sequence[str | None],
    val_share: float,
    test_share: float,
    reserve_share: float = 0.0,
) -> list[str]:
    """The split of each face: the benchmark's own test faces where it has any, else by a hash of the subject.

    A hash, so that a face stays where it is when others come or go; of the subject, so that no person or photo is in two.
    What is kept aside are test faces, so that no model was trained on them before they were.

    Raises:
        ValueError: Faces are to be kept aside of a benchmark's own test faces.
    """
    if "test" in given:
        if reserve_share:
            raise ValueError(
                "ingest.reserve_share keeps test faces aside, but this dataset has test faces of its own, and its figures are those "
                "of all of them: set it to 0.0"
            )
        test_share = 0.0
    share = {subject: _hash_share(subject) for subject in set(subjects)}
    return [
        own if own == "test" else _held_out(share[subject], val_share, test_share, reserve_share)
        for subject, own in zip(subjects, given, strict=True)
    ]


def _hash_share(subject: str) -> float:
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big") / 2**64


def _held_out(share: float, val_share: float, test_share: float, reserve_share: float) -> str:
    if share < test_share:
        return "reserve" if share < test_share * reserve_share else "test"
    return "val" if share < test_share + val_share else "train"
