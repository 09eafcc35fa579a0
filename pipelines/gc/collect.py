"""Garbage collection: finds what nothing needs any more, tells how much that is, and deletes it when told to.

In the order versions, artifacts, checkpoints, cache: whoever is cut short leaves no version whose files are gone.
"""

from __future__ import annotations

from pathlib import Path

from components.text import printable
from pipelines.gc import cache, checkpoints, runs, versions
from pipelines.gc.item import Item
from pipelines.registry import tracking
from pipelines.runtime.environment import RUNS, storage, tracking_uri
from pipelines.runtime.secrets import without_secrets

NUM_SHOWN = 3
PREFIX = "heatmark-"


def collect(root: Path, *, refused: bool) -> tuple[list[Item], str]:
    """What may go, and what there is to say of what stays.

    Args:
        root: Of the checkout.
        refused: Whether versions go too that the gate alone decided against.

    Raises:
        ValueError: The registry does not answer or has no version: what it names could not be kept.
    """
    client, where = tracking.connect(), without_secrets(tracking_uri())
    models = tracking.Registry.all(client)
    stay, going = [], []
    staying: set[str] = set()
    for model in models:
        ours = model.name.startswith(PREFIX)
        kept, gone = versions.split(model, refused=refused) if ours else (model.versions(), [])
        stay += kept
        going += list(versions.items(model, gone))
        sources = model.sources()
        staying = staying.union(*(sources[version.number] for version in kept))
    if not stay:
        raise ValueError(
            f"{where} has no version that would be kept, and what none is made of would go: name the registry of this checkout by "
            "MLFLOW_TRACKING_URI"
        )
    ended = list(tracking.ended_runs(client))
    data = {version.tags["data_version"] for version in stay if version.tags.get("data_version", "none") != "none"}
    found = [
        *going,
        *runs.items(client, ended, staying),
        *checkpoints.items(storage(), RUNS, {run.key for run in ended if run.finished}),
        *cache.items(root, data),
    ]
    return found, f"{len(stay)} versions of {where} stay, with all that they are made of"


def told(found: list[Item]) -> list[str]:
    """A line for each kind."""
    kinds = list(dict.fromkeys(item.kind for item in found))
    return [_line(kind, [item for item in found if item.kind == kind]) for kind in kinds]


def _line(kind: str, items: list[Item]) -> str:
    more = f" and {len(items) - NUM_SHOWN} more" if len(items) > NUM_SHOWN else ""
    names = ", ".join(item.name for item in items[:NUM_SHOWN])
    return printable(f"{kind}: {megabytes(items)}: {names}{more}")


def megabytes(items: list[Item]) -> str:
    return f"{sum(item.size for item in items) / 1e6:.1f} MB"
