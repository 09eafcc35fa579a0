"""Promotion by a flow: is the challenger better than the champion, on the same test faces?

What was decided before is not decided again: not by a person against a version, and not by the gate on the same comparison.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.schemes import SCHEMES
from pipelines.params import Params
from pipelines.registry import tracking
from pipelines.registry.decisions import AGAINST, CHAMPION, carry_out, recover
from pipelines.registry.gate import YEAR_DAYS, AwaitApproval, Decision, Keep, Measured, NeedMoreData, Promote, decide
from pipelines.registry.history import Entry, History
from pipelines.registry.licences import LICENCES, UNKNOWN, refusal
from pipelines.registry.register import Registered
from pipelines.registry.same_faces import same_faces
from pipelines.runtime.tables import note_of, read_table, with_note, write_table
from pipelines.scoring.held_out import faces_to_measure
from pipelines.scoring.measure import counted, measure
from pipelines.scoring.predict import predict


def promote(params: Params, registered: Registered, crops: Path, errors: Path, kept: Path) -> Decision:
    """Decides about a registered version and carries the decision out; one that was decided already stays decided.

    Args:
        params: That the version was made with.
        registered: The version.
        crops: Folder with the shards of each dataset, for measuring the champion on today's test faces.
        errors: The version's errors.parquet.
        kept: Where the champion's errors are kept, if it is measured again.

    Raises:
        ValueError: The champion's model cannot be fetched or measured, or another decision is carried out just now.
    """
    registry = tracking.Registry(tracking.connect(), registered.model)
    history = History(registry)
    recover(registry, history)
    champion, tags = registry.aliases().get(CHAMPION), registry.tags(registered.version)
    table = read_table(errors)
    comparison = comparison_of(champion, table, params)
    stands, required = standing(registered, champion, tags, comparison), params.promotion.approval == "required"
    if stands and (required or not isinstance(stands, AwaitApproval)):
        return stands
    looked = champion is not None and not stands
    said: Decision
    if reason := refusal(tags.get(LICENCES, UNKNOWN), params.promotion.refused_licences):
        said, looked = Keep(reason), False
    else:
        # What stands is that a person was to be asked, which nobody is any more; the faces were looked at then.
        said = Promote(stands.reason) if stands else compared(params, registry, champion, crops, table, kept)
    decision = AwaitApproval(said.reason) if required and isinstance(said, Promote) else said
    entry = Entry(registry.name, registered.version, decision.word, decision.reason, champion or "")
    carry_out(replace(entry, looked="yes" if looked else "no"), registry)
    registry.tag(registered.version, {"comparison": comparison, "looks": str(history.looks(YEAR_DAYS))})
    return decision


def compared(
    params: Params, registry: tracking.Registry, champion: str | None, crops: Path, table: pa.Table, kept: Path
) -> Decision:
    """What the gate says, before anybody is asked."""
    # Which faces count is a matter of the truth: the same for both.
    rows = counted(table, params.evaluate.on_test)
    theirs = None
    if champion is not None:
        theirs = measured(champion_errors(params, registry, champion, crops, table, kept)).nme[rows]
    looks = History(registry).looks(YEAR_DAYS)
    return decide(theirs, measured(table.filter(pa.array(rows))), params.promotion, looks)


def standing(registered: Registered, champion: str | None, tags: dict[str, str], comparison: str) -> Decision | None:
    """What was decided about a version before, where that stands; None where it is to be decided.

    Args:
        registered: The version.
        champion: The version that is champion.
        tags: Of the version.
        comparison: As `comparison_of` gives it now.
    """
    said, reason = tags.get("decision"), tags.get("reason", "")
    if champion == registered.version:
        return Promote(reason or "is the champion")
    again = f"`heatmark promote {registered.version} --model {registered.model} --because ...` makes it champion"
    if said in AGAINST:
        return Keep(f"it was {said} by {tags.get('decided_by', 'a person')} ({reason}), and stays so; {again}")
    if tags.get("comparison") != comparison:
        return None
    if said == Promote.word:
        return Keep(f"it was promoted before, and a person has made version {champion} champion since; {again}")
    if said == AwaitApproval.word:
        return AwaitApproval(reason)
    return NeedMoreData(reason, None) if said == NeedMoreData.word else Keep(reason)


def comparison_of(champion: str | None, errors: pa.Table, params: Params) -> str:
    """What a decision depends on beside the version itself: champion, test faces with their truth, protocol, policy."""
    digest = hashlib.sha256(json.dumps(errors.column("face").to_pylist()).encode())
    digest.update(errors.column("landmarks").combine_chunks().flatten().to_numpy(zero_copy_only=False).tobytes())
    policy = [champion, params.evaluate.on_test.hash, params.promotion.model_dump(exclude={"approval"})]
    digest.update(json.dumps(policy, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def measured(errors: pa.Table) -> Measured:
    """Rows of errors.parquet, as the gate takes them."""
    nme = errors.column("nme").to_numpy().astype(np.float64)
    return Measured(nme, np.array(errors.column("subject").to_pylist()), errors.column("subsets").to_pylist())


def champion_errors(
    params: Params, registry: tracking.Registry, version: str, crops: Path, challenger: pa.Table, kept: Path
) -> pa.Table:
    """The champion's errors on the challenger's faces, in their order; measured again, and kept, where they are not known."""
    if (known := known_errors(params, registry, version, challenger, kept)) is not None:
        return known
    print(f"promote: the test faces or the protocol changed; measuring champion {version} again", flush=True)
    errors = errors_of(params, registry, version, faces_to_measure(crops, params))
    facts = {**note_of(challenger), **_identity(params, registry.tags(version))}
    write_table(with_note(errors, **facts), kept)
    return errors


def known_errors(
    params: Params, registry: tracking.Registry, version: str, challenger: pa.Table, kept: Path
) -> pa.Table | None:
    """A version's errors that are stored or kept, where they are of these very faces, under this very protocol; else None."""
    protocol, tags = params.evaluate.on_test, registry.tags(version)
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        if tags.get("protocol") == f"{protocol.name}:{protocol.hash}":
            stored = tracking.fetch(registry.client, tags["run_id"], "evaluation/errors.parquet", Path(folder))
            tables += [read_table(stored)] if stored else []
        if kept.is_file():
            again = read_table(kept)
            tables += [again] if _identity(params, tags).items() <= note_of(again).items() else []
    return next((table for table in tables if same_faces(table, challenger)), None)


def _identity(params: Params, tags: dict[str, str]) -> dict[str, str]:
    """Which training's errors are kept, and by which protocol."""
    return {"training": tags[tracking.KEY_TAG], "protocol": params.evaluate.on_test.hash}


def errors_of(params: Params, registry: tracking.Registry, version: str, faces: pa.Table) -> pa.Table:
    """A version's errors on faces (rows of shards), by the recipe's protocol: rows as of errors.parquet.

    Raises:
        ValueError: Its model cannot be fetched.
    """
    protocol = params.evaluate.on_test
    with tempfile.TemporaryDirectory() as folder:
        predictions = predict(registry.model_folder(version, Path(folder)), faces, "promote", protocol.mirrored)
    return measure(predictions, SCHEMES[params.scheme], protocol)
