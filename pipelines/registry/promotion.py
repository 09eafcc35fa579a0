"""Promotion: is the challenger better than the champion, on the same test faces?

`decide` is pure; `apply` changes the registry in an order that a crash at any point leaves recoverable: the former
champion is noted as `previous` before the alias moves, and a second call finishes what the first began.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.metrics import bootstrap_interval
from components.schemes import SCHEMES
from pipelines.params import Params
from pipelines.registry import tracking
from pipelines.registry.register import Registered
from pipelines.runtime.tables import note_of, read_table
from pipelines.scoring.held_out import faces_to_measure
from pipelines.scoring.measure import counted, measure
from pipelines.scoring.predict import predict


@dataclass(frozen=True)
class Promote:
    reason: str


@dataclass(frozen=True)
class Keep:
    reason: str


Decision = Promote | Keep


def decide(champion: np.ndarray | None, challenger: np.ndarray, confidence: float) -> Decision:
    """Promotes the first version, and one whose NME is shown to be lower than the champion's.

    Args:
        champion: (N,) NME per face, fractions; None where there is no champion.
        challenger: (N,) NME of the same faces, in the same order.
        confidence: Of the paired bootstrap interval of the difference, which must lie below 0.

    Raises:
        ValueError: Not the same number of faces, or none.
    """
    if champion is None:
        return Promote("the first version")
    if len(champion) != len(challenger) or not len(challenger):
        raise ValueError(f"cannot compare {len(challenger)} faces with {len(champion)}")
    difference = challenger - champion
    low, high = bootstrap_interval(difference, confidence=confidence)
    said = (
        f"NME {challenger.mean():.3%} against the champion's {champion.mean():.3%} on the same {len(challenger)} faces; "
        f"difference {difference.mean():+.3%}, {confidence:.0%} interval {low:+.3%} to {high:+.3%}"
    )
    if high < 0:
        return Promote(f"better: {said}")
    return Keep(f"{'worse' if low > 0 else 'not shown to be better'}: {said}")


def apply(decision: Decision, registry: tracking.Registry, version: str) -> None:
    """Notes the decision on the version, and moves the aliases if it is to promote."""
    word = "promote" if isinstance(decision, Promote) else "keep"
    champion = registry.aliases().get("champion")
    if isinstance(decision, Promote) and champion != version:
        if champion is not None:
            registry.point("previous", champion)
        registry.point("champion", version)
    registry.tag(version, {"decision": word, "reason": decision.reason})
    if registry.aliases().get("challenger") == version:
        registry.unpoint("challenger")


def promote(params: Params, registered: Registered, crops: Path, errors: Path) -> Decision:
    """Decides about a registered version and applies the decision; says nothing new of one that is the champion.

    Args:
        params: That the version was made with.
        registered: The version.
        crops: Folder with the shards of each dataset, for measuring the champion on today's test faces.
        errors: The version's errors.parquet.

    Raises:
        ValueError: The champion's model cannot be fetched or measured.
    """
    registry = tracking.Registry(tracking.connect(), registered.model)
    champion = registry.aliases().get("champion")
    if champion == registered.version:
        decision: Decision = Promote(registry.tags(champion).get("reason", "is the champion"))
    else:
        table = read_table(errors)
        # Which faces count is a matter of the truth: the same for both.
        rows = counted(table, params.evaluate.on_test)
        theirs = None if champion is None else champion_nme(params, registry, champion, crops, table)[rows]
        ours = table.column("nme").to_numpy().astype(np.float64)[rows]
        decision = decide(theirs, ours, params.promotion.confidence)
    apply(decision, registry, registered.version)
    return decision


def champion_nme(
    params: Params, registry: tracking.Registry, version: str, crops: Path, challenger: pa.Table
) -> np.ndarray:
    """The champion's NME (N,) of the challenger's faces, in their order.

    Its stored errors serve where they are of these very faces, under this very protocol; else it is measured again.
    """
    protocol = params.evaluate.on_test
    tags = registry.tags(version)
    with tempfile.TemporaryDirectory() as folder:
        if tags.get("protocol") == f"{protocol.name}:{protocol.hash}":
            stored = tracking.fetch(registry.client, tags["run_id"], "evaluation/errors.parquet", Path(folder))
            if stored and _same_faces(errors := read_table(stored), challenger) and _same_views(errors, challenger):
                return errors.column("nme").to_numpy().astype(np.float64)
        print(f"promote: the test faces or the protocol changed; measuring champion {version} again", flush=True)
        model = registry.model_folder(version, Path(folder) / "model")
        faces = faces_to_measure(crops, params)
        predictions = predict(model, faces, "promote", protocol.mirrored)
    measured = measure(predictions, SCHEMES[params.scheme], protocol)
    return measured.column("nme").to_numpy().astype(np.float64)


def _same_views(one: pa.Table, other: pa.Table) -> bool:
    """Both with the mirrored picture averaged in, or both without: another recipe of the same training shares its run."""
    return note_of(one).get("mirrored") == note_of(other).get("mirrored")


def _same_faces(one: pa.Table, other: pa.Table) -> bool:
    """The same faces with the same truth, in the same order; a landmark without position (NaN) is equal to itself."""
    if not one.column("face").equals(other.column("face")):
        return False
    ours, theirs = (table.column("landmarks").combine_chunks().flatten().to_numpy() for table in (one, other))
    return np.array_equal(ours, theirs, equal_nan=True)
