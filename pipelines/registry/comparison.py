"""Two versions of a registered model, face by face: a table, and a page with the faces that changed most."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.table import Table

from components.metrics.summary import members_of
from pipelines.pages.changes import Changes, Drawn, Row, cells, nme_of, write_changes
from pipelines.params import Params
from pipelines.registry import tracking
from pipelines.registry.gate import paired
from pipelines.registry.pictured import params_of, pictured
from pipelines.registry.same_faces import same_faces
from pipelines.registry.versions import cell, sheet
from pipelines.runtime.tables import read_table
from pipelines.scoring.pictures import pictures_of

ERRORS, METRICS = "evaluation/errors.parquet", "evaluation/metrics.json"


@dataclass(frozen=True, eq=False)
class Pair:
    """Two versions, measured on the same faces by the same protocol.

    Attributes:
        name: Of the registered model.
        versions: Their numbers.
        protocol: Name and hash.
        threshold: Of that protocol, the NME above which a face counts as failed.
        errors: Their errors.parquet, rows of the same faces that both could be measured on.
        run: MLflow's id of the second one's run.
        seed_spread: What equal trainings differ by, by their seed, as a part of the second one's NME: intervals take it in.
    """

    name: str
    versions: tuple[str, str]
    protocol: str
    threshold: float
    errors: tuple[pa.Table, pa.Table]
    run: str
    seed_spread: float = 0.0

    @classmethod
    def of(cls, registry: tracking.Registry, one: str, other: str) -> Pair:
        """Fetches both.

        Raises:
            ValueError: There is no such version, or the two were not measured on the same faces by the same protocol.
        """
        tables, protocols, run, threshold = [], [], "", 0.0
        with tempfile.TemporaryDirectory() as folder:
            for version in (one, other):
                registry.require(version)
                tags = registry.tags(version)
                run = tags.get("run_id", "")
                errors, metrics = (_fetch(registry, version, run, name, Path(folder)) for name in (ERRORS, METRICS))
                tables.append(read_table(errors))
                threshold = json.loads(metrics.read_text(encoding="utf-8"))["protocol"]["failure_threshold"]
                protocols.append(tags.get("protocol", "unknown"))
        if protocols[0] != protocols[1]:
            raise ValueError(
                f"versions {one} and {other} do not compare: their protocols are {protocols[0]} and {protocols[1]}"
            )
        if not same_faces(*tables):
            raise ValueError(f"versions {one} and {other} do not compare: they were measured on other test faces")
        both = np.isfinite([table.column("nme").to_numpy() for table in tables]).all(axis=0)
        first, second = (table.filter(pa.array(both)) for table in tables)
        return cls(registry.name, (one, other), protocols[0], threshold, (first, second), run)

    def groups(self) -> dict[str, np.ndarray]:
        """All faces, then each subset's: which rows they are (N,)."""
        subsets = members_of(self.errors[0].column("subsets").to_pylist())
        return {"all": np.ones(len(self.errors[0]), bool), **subsets}


def _fetch(registry: tracking.Registry, version: str, run: str, name: str, to: Path) -> Path:
    kept = tracking.fetch(registry.client, run, name, to / version)
    if kept is None:
        raise ValueError(f"{registry.name} version {version}: its run has no {name} any more")
    return kept


def table(pair: Pair) -> Table:
    """The first version's errors minus the second's: of all faces, and of each subset."""
    one, other = pair.versions
    columns = ("faces", "number", f"version {one}", f"version {other}", f"{one} minus {other} (95%)")
    shown = sheet(f"{pair.name}, {pair.protocol}", *columns)
    for row in rows(pair):
        shown.add_row(*map(cell, cells(row)))
    return shown


def rows(pair: Pair) -> list[Row]:
    """Of all faces, then of each subset's."""
    subjects, nme = np.array(pair.errors[0].column("subject").to_pylist()), nme_of(pair.errors)
    found = []
    for name, chosen in pair.groups().items():
        one, other = nme[:, chosen]
        enough = len(set(subjects[chosen])) > 1
        difference = paired(other, one, subjects[chosen], pair.seed_spread) if enough else None
        found.append(Row(name, int(chosen.sum()), (float(one.mean()), float(other.mean())), difference))
    return found


def write_page(pair: Pair, client: tracking.MlflowClient, path: Path) -> str:
    """Writes the page, with pictures where this checkout holds the crops of these very faces; returns why it has none, or ""."""
    try:
        params = params_of(client, pair.run, f"{pair.name} version {pair.versions[1]}")
        drawn, why = pictures_by(params, pair), ""
    except ValueError as error:
        drawn, why = None, str(error)
    write_changes(path, changes(pair), drawn or why)
    return why


def pictures_by(params: Params, pair: Pair) -> Drawn:
    """The pictures of the faces, from this checkout's crops of a recipe.

    Raises:
        ValueError: It holds none, or of other faces.
    """
    faces = pictured(params, pair.errors[0].column("face").to_pylist())
    return Drawn(pictures_of(faces), params.model().scheme)


def changes(pair: Pair) -> Changes:
    """What a page says of them."""
    title = f"{pair.name}: version {pair.versions[0]} and version {pair.versions[1]}"
    return Changes(title, pair.versions, pair.protocol, pair.threshold, pair.errors, rows(pair), pair.seed_spread > 0)
