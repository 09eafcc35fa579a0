"""A version held against the champion: the page beside its report that shows what the gate saw, on the same faces.

No stage makes it: what a stage makes does not change when an alias moves.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from pipelines.pages.changes import write_changes
from pipelines.pages.plots import write_page
from pipelines.params import Params
from pipelines.registry import tracking
from pipelines.registry.comparison import Pair, changes, pictures_by
from pipelines.registry.decisions import CHAMPION
from pipelines.registry.gate import Decision
from pipelines.registry.promotion import known_errors
from pipelines.registry.register import AGAINST, Registered
from pipelines.runtime.tables import read_table
from pipelines.scoring.measure import counted


def write_against(params: Params, registered: Registered, decision: Decision, reports: Path, kept: Path) -> str:
    """Writes the page beside the report and keeps it with the run, whatever was decided; where there is nothing to compare, it says so.

    Args:
        params: That the version was made with.
        registered: The version.
        decision: About it.
        reports: Folder of its evaluation.
        kept: Where the champion's errors are kept, if it was measured again.

    Returns:
        What it shows.
    """
    client, page = tracking.connect(), reports / AGAINST
    registry = tracking.Registry(client, registered.model)
    champion = held_against(registry, registered.version)
    decided = f"{decision.word.capitalize()}: {decision.reason.rstrip('.')}."
    pair = pair_with(registry, params, registered, champion, reports / "errors.parquet", kept) if champion else None
    if pair:
        said = f"held against version {champion}"
        title = f"{pair.name}: version {registered.version} against version {champion}"
        write_changes(page, replace(changes(pair), title=title, decided=decided), pictures_by(params, pair))
    else:
        unknown = f"not held against version {champion}, whose errors on these faces are not known"
        said = unknown if champion else "no champion to hold it against"
        title = f"{registry.name} version {registered.version}"
        write_page(page, "against.html", title=title, decided=decided, champion=champion)
    tracking.Run(client, registered.key, params.name).log_file(page, "evaluation")
    return said


def held_against(registry: tracking.Registry, version: str) -> str:
    """The champion; where that is the version itself, the one in whose place it came; "" where there was none, or it is gone."""
    champion = registry.aliases().get(CHAMPION, "")
    if champion == version:
        champion = registry.tags(version).get("decided_against", "")
    return champion if champion and tracking.found(registry.client, registry.name, champion) else ""


def pair_with(
    registry: tracking.Registry, params: Params, registered: Registered, champion: str, errors: Path, kept: Path
) -> Pair | None:
    """The version and the champion on the faces that count, as the gate takes them; None where the champion's errors are not known."""
    protocol, ours = params.evaluate.on_test, read_table(errors)
    theirs = known_errors(params, registry, champion, ours, kept)
    if theirs is None:
        return None
    rows = pa.array(counted(ours, protocol))
    return Pair(
        registry.name,
        (registered.version, champion),
        f"{protocol.name}:{protocol.hash}",
        protocol.failure_threshold,
        (ours.filter(rows), theirs.filter(rows)),
        registered.run,
        params.promotion.seed_spread,
    )
