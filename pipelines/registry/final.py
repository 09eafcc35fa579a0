"""A last look: are the faces that were kept aside of the same opinion as the test faces, which wear out as they decide?

No retraining looks at them. Each look at them is written into the history, whatever it says, and may err by chance half as often as
the one before: so all of them together err at most as often as the gate does in a year.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from pipelines.params import Params, load_params
from pipelines.registry import tracking
from pipelines.registry.decisions import PROMOTE, asked, carry_out, recover
from pipelines.registry.gate import Decision, Promote, decide
from pipelines.registry.history import Entry, History
from pipelines.registry.promotion import errors_of, measured
from pipelines.registry.register import registered_name
from pipelines.runtime.environment import ROOT
from pipelines.runtime.tables import RESERVE
from pipelines.scoring.held_out import faces_to_measure
from pipelines.scoring.measure import counted

# What `Entry.looked` says of such a look.
KEPT_ASIDE = "kept aside"


def kept_aside(model: str) -> tuple[Params, pa.Table]:
    """The recipe that this checkout was trained by last, and the faces that were kept aside by it, rows of shards.

    Raises:
        ValueError: The model is not of that recipe, or no faces were kept aside.
    """
    params = load_params(ROOT / "params.yaml")
    if model != registered_name(params):
        raise ValueError(
            f"params.yaml is recipe {params.name}, whose faces say nothing of {model}: retrain by that one's recipe first"
        )
    try:
        return params, faces_to_measure(ROOT / "artifacts" / params.name / "crops", params, RESERVE)
    except ValueError as error:
        raise ValueError(
            f"no faces of recipe {params.name} were kept aside ({error}): a retraining with ingest.reserve_share above 0 does that"
        ) from error


def promote(registry: tracking.Registry, params: Params, faces: pa.Table, version: str, because: str, by: str) -> Entry:
    """A person makes a version champion, if it is shown to be better on the faces that were kept aside.

    Args:
        registry: Of the model.
        params: The recipe that it is a model of.
        faces: That were kept aside, rows of shards.
        version: That is to become champion.
        because: The reason.
        by: Who decides.

    Returns:
        What is now in the history: its action is "promote", or the gate's word against it.

    Raises:
        ValueError: There is no such version or no champion, it is the champion, or another decision is carried out just now.
    """
    history = History(registry)
    recover(registry, history)
    entry = asked(registry, version, PROMOTE, because, by)
    if entry.champion == version:
        raise ValueError(f"{registry.name} version {version} is the champion already")
    if not entry.champion:
        raise ValueError(
            f"{registry.name} has no champion to be better than: `heatmark promote {version} --because ...` makes it one"
        )
    champion, challenger = (errors_of(params, registry, each, faces) for each in (entry.champion, version))
    # Counted after what takes long, so that somebody else's look of meanwhile counts too.
    looks = 1 + sum(earlier.looked == KEPT_ASIDE for earlier in history.entries())
    decision = _decide(champion, challenger, params, looks)
    reason = f"look {looks} at the faces kept aside: {decision.reason}"
    if isinstance(decision, Promote):
        reason = f"{entry.reason}; {reason}"
    entry = replace(entry, action=decision.word, reason=reason, looked=KEPT_ASIDE)
    carry_out(entry, registry)
    return entry


def _decide(champion: pa.Table, challenger: pa.Table, params: Params, looks: int) -> Decision:
    """What the gate says of the errors of both on faces of the n-th look."""
    rows = pa.array(counted(challenger, params.evaluate.on_test))
    policy = params.promotion.model_copy(update={"looks_per_year": 2**looks})
    theirs, ours = (measured(errors.filter(rows)) for errors in (champion, challenger))
    return decide(theirs.nme, ours, policy)
