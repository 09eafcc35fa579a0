"""What MLflow keeps of runs that no version is of: their artifacts and logged models go, their params, metrics and tags stay.

A run that is not ended may go on, and one that was touched within the last day may be about to be registered, from this
checkout or from another one: these stay.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Set
from functools import partial

from pipelines.gc.item import Item
from pipelines.gc.versions import DAY_MS
from pipelines.registry import tracking


def items(client: tracking.MlflowClient, ended: Iterable[tracking.EndedRun], staying: Set[str]) -> Iterator[Item]:
    """The artifacts of ended runs, but of those whose ids, or those of a model that they logged, are given."""
    young = time.time() * 1000 - DAY_MS
    for run in ended:
        if staying & {run.id, *run.models} or run.touched_ms > young:
            continue
        if size := tracking.artifact_bytes(client, run):
            yield Item("artifacts of runs", run.name, size, partial(tracking.delete_artifacts, client, run))
