"""Garbage collection: finds what nothing needs any more, tells how much that is, and deletes it when told to.

In the order versions, artifacts, checkpoints, cache: whoever is cut short leaves no version whose files are gone.
"""

from __future__ import annotations

from pathlib import Path

from components.text import printable
from pipelines.gc import cache, checkpoints, folders, runs, versions
from pipelines.gc.item import Item
from pipelines.registry import tracking
from pipelines.registry.reproduce import FOLDER
from pipelines.runtime.environment import RUNS, STATE, short_ray_folder, storage, tracking_uri
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
    stay, sources, going = _registered(client, refused=refused)
    if not stay:
        raise ValueError(
            f"{where} has no version that would be kept, and what none is made of would go: name the registry of this checkout by "
            "MLFLOW_TRACKING_URI"
        )
    ended = list(tracking.ended_runs(client))
    data = {version.tags["data_version"] for version in stay if version.tags.get("data_version", "none") != "none"}
    found = [
        *going,
        *runs.items(client, ended, sources),
        *checkpoints.items(storage(), RUNS, {run.key for run in ended if run.finished}),
        *cache.items(root, data),
        *folders.reproductions(RUNS / FOLDER, root),
        *folders.ray_sessions(STATE / "ray", short_ray_folder()),
    ]
    return found, f"{len(stay)} versions of {where} stay, with all that they are made of"


def _registered(client: tracking.MlflowClient, *, refused: bool) -> tuple[list[tracking.Version], set[str], list[Item]]:
    """Of all registered models: the versions that stay, the ids of the runs and logged models that these are of, and what may go."""
    stay: list[tracking.Version] = []
    sources: set[str] = set()
    going: list[Item] = []
    for model in tracking.Registry.all(client):
        ours = model.name.startswith(PREFIX)
        kept, gone = versions.split(model, refused=refused) if ours else (model.versions(), [])
        of = model.sources()
        stay += kept
        sources = sources.union(*(of[version.number] for version in kept))
        going += versions.items(model, gone)
    return stay, sources, going


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
