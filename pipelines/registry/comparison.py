"""Two versions of a registered model, face by face: a table, and a page with the faces that changed most."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.table import Table

from components.metrics import Difference
from components.metrics.summary import members_of
from pipelines.pages.changes import write_changes
from pipelines.registry import tracking
from pipelines.registry.pictured import params_of, pictured
from pipelines.registry.same_faces import same_faces
from pipelines.registry.versions import cell, sheet
from pipelines.runtime.tables import read_table
from pipelines.scoring.pictures import pictures_of

ERRORS = "evaluation/errors.parquet"


@dataclass(frozen=True, eq=False)
class Pair:
    """Two versions, measured on the same faces by the same protocol.

    Attributes:
        name: Of the registered model.
        versions: Their numbers.
        protocol: Name and hash.
        errors: Their errors.parquet, rows of the same faces that both could be measured on.
        run: MLflow's id of the second one's run.
    """

    name: str
    versions: tuple[str, str]
    protocol: str
    errors: tuple[pa.Table, pa.Table]
    run: str

    @classmethod
    def of(cls, registry: tracking.Registry, one: str, other: str) -> Pair:
        """Fetches both.

        Raises:
            ValueError: There is no such version, or the two were not measured on the same faces by the same protocol.
        """
        tables, protocols, run = [], [], ""
        with tempfile.TemporaryDirectory() as folder:
            for version in (one, other):
                registry.require(version)
                tags = registry.tags(version)
                run = tags.get("run_id", "")
                kept = tracking.fetch(registry.client, run, ERRORS, Path(folder) / version)
                if kept is None:
                    raise ValueError(f"{registry.name} version {version}: its run has no {ERRORS} any more")
                tables.append(read_table(kept))
                protocols.append(tags.get("protocol", "unknown"))
        if protocols[0] != protocols[1]:
            raise ValueError(
                f"versions {one} and {other} do not compare: their protocols are {protocols[0]} and {protocols[1]}"
            )
        if not same_faces(*tables):
            raise ValueError(f"versions {one} and {other} do not compare: they were measured on other test faces")
        both = np.isfinite([table.column("nme").to_numpy() for table in tables]).all(axis=0)
        first, second = (table.filter(pa.array(both)) for table in tables)
        return cls(registry.name, (one, other), protocols[0], (first, second), run)

    @property
    def nme(self) -> np.ndarray:
        """(2, N), fractions."""
        return np.stack([table.column("nme").to_numpy().astype(np.float64) for table in self.errors])

    def groups(self) -> dict[str, np.ndarray]:
        """All faces, then each subset's: which rows they are (N,)."""
        subsets = members_of(self.errors[0].column("subsets").to_pylist())
        return {"all": np.ones(len(self.errors[0]), bool), **subsets}


def table(pair: Pair) -> Table:
    """The first version's errors minus the second's: of all faces, and of each subset."""
    one, other = pair.versions
    columns = ("faces", "number", f"version {one}", f"version {other}", f"{one} minus {other} (95%)")
    shown = sheet(f"{pair.name}, {pair.protocol}", *columns)
    for row in rows(pair):
        shown.add_row(*map(cell, row))
    return shown


def rows(pair: Pair) -> list[tuple[str, ...]]:
    """Of `table`, as text."""
    subjects = np.array(pair.errors[0].column("subject").to_pylist())
    nme = pair.nme
    found: list[tuple[str, ...]] = []
    for name, chosen in pair.groups().items():
        means = [f"{each[chosen].mean():.2%}" if chosen.any() else "" for each in nme]
        found.append((name, str(chosen.sum()), *means, _interval((nme[0] - nme[1])[chosen], subjects[chosen])))
    return found


def _interval(differences: np.ndarray, subjects: np.ndarray) -> str:
    if len(set(subjects)) < 2:
        return "too few subjects"
    difference = Difference.of(differences, subjects)
    low, high = difference.interval()
    return f"{difference.mean:+.2%} ({low:+.2%} to {high:+.2%})"


def write_page(pair: Pair, client: tracking.MlflowClient, path: Path) -> None:
    """Writes the page, with pictures from the crops that this checkout holds of these very faces.

    Raises:
        ValueError: It holds none, or others.
    """
    params = params_of(client, pair.run, f"{pair.name} version {pair.versions[1]}")
    faces = pictured(params, pair.errors[0].column("face").to_pylist())
    write_changes(
        path,
        f"{pair.name}: version {pair.versions[0]} and version {pair.versions[1]}",
        pair.versions,
        pair.protocol,
        pair.errors,
        rows(pair),
        pictures_of(faces),
        params.model().scheme,
    )
