"""What there is of a registered model, for people: its versions, what was decided about them, and two of them compared."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from components.metrics import Difference
from components.metrics.summary import members_of
from components.text import printable
from pipelines.registry import tracking
from pipelines.registry.history import Entry, History
from pipelines.registry.same_faces import same_faces
from pipelines.runtime.tables import read_table

WIDTH = 80
ERRORS = "evaluation/errors.parquet"


def versions(registry: tracking.Registry) -> Table:
    """A line for each version, the newest first."""
    named: dict[str, list[str]] = {}
    for alias, version in registry.aliases().items():
        named.setdefault(version, []).append(f"@{alias}")
    table = _table(registry.name, "version", "NME (95%)", "data", "commit", "registered", "decided")
    for version, registered_ms, tags in registry.versions():
        table.add_row(
            _cell(version, *sorted(named.get(version, []))),
            _cell(*_nme(tags)),
            _cell(tags.get("data_version", "?")[:6]),
            _cell(_commit(tags)),
            _cell(*when(registered_ms).split(" ", 1)),
            _cell(tags.get("decision", "not yet"), f"by {tags['decided_by']}" if "decided_by" in tags else ""),
        )
    return table


def history(registry: tracking.Registry, version: str | None = None) -> Table:
    """A line for each decision, the newest first; of one version, or of all."""
    table = _table(registry.name, "when (UTC)", "decision", "by", "reason")
    for entry in History(registry).entries(state=None):
        if version in (None, entry.version):
            state = "" if entry.state == "done" else entry.state
            table.add_row(_cell(when(entry.at_ms)), _cell(done(entry), state), _cell(entry.by), _cell(entry.reason))
    return table


def show(registry: tracking.Registry, version: str) -> Table:
    """All that is known of a version.

    Raises:
        ValueError: There is none.
    """
    registry.require(version)
    found = next(each for each in registry.versions() if each.number == version)
    aliases = [f"@{alias}" for alias, number in sorted(registry.aliases().items()) if number == version]
    table = Table(show_header=False, title=f"{registry.name} version {version}", title_justify="left", width=WIDTH)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    facts = {"aliases": " ".join(aliases) or "none", "registered": when(found.registered_ms)}
    for name, value in {**facts, **dict(sorted(found.tags.items()))}.items():
        table.add_row(_cell(name), _cell(value))
    return table


def compare(registry: tracking.Registry, one: str, other: str) -> Table:
    """The first version's errors minus the second's, on the same faces: of all, and of each subset.

    Raises:
        ValueError: There is no such version, or the two were not measured on the same faces by the same protocol.
    """
    (ours, theirs), protocol = _errors_of_both(registry, one, other)
    nme = [table.column("nme").to_numpy().astype(np.float64) for table in (ours, theirs)]
    counted = np.isfinite(nme[0]) & np.isfinite(nme[1])
    subjects = np.array(ours.column("subject").to_pylist())
    groups = {
        "all": counted,
        **{name: in_it & counted for name, in_it in members_of(ours.column("subsets").to_pylist()).items()},
    }
    table = _table(
        f"{registry.name}, {protocol}",
        "faces",
        "number",
        f"version {one}",
        f"version {other}",
        f"{one} minus {other} (95%)",
    )
    for name, rows in groups.items():
        means = (f"{each[rows].mean():.2%}" if rows.any() else "" for each in nme)
        table.add_row(
            _cell(name), _cell(str(rows.sum())), *map(_cell, means), _cell(_interval(nme[0] - nme[1], rows, subjects))
        )
    return table


def _interval(differences: np.ndarray, rows: np.ndarray, subjects: np.ndarray) -> str:
    if len(set(subjects[rows])) < 2:
        return "too few subjects"
    difference = Difference.of(differences[rows], subjects[rows])
    low, high = difference.interval()
    return f"{difference.mean:+.2%} ({low:+.2%} to {high:+.2%})"


def _errors_of_both(registry: tracking.Registry, one: str, other: str) -> tuple[list[pa.Table], str]:
    tables, protocols = [], []
    with tempfile.TemporaryDirectory() as folder:
        for version in (one, other):
            registry.require(version)
            tags = registry.tags(version)
            kept = tracking.fetch(registry.client, tags.get("run_id", ""), ERRORS, Path(folder) / version)
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
    return tables, protocols[0]


def print_shown(shown: Iterable[Table | Tree]) -> None:
    """To the terminal; fits 80 columns."""
    console = Console(width=WIDTH, highlight=False)
    for each in shown:
        console.print(each)


def done(entry: Entry) -> str:
    """What a decision did, in a few words."""
    if entry.action == "roll back":
        return f"roll back {entry.champion} to {entry.version}"
    return f"{entry.action} {entry.version}"


def _nme(tags: dict[str, str]) -> tuple[str, str]:
    nme = tags.get("test_nme")
    ends = tags.get("test_nme_interval", "").split(" to ")
    return f"{float(nme):.2%}" if nme else "?", f"{float(ends[0]):.2%}-{float(ends[1]):.2%}" if len(ends) == 2 else ""


def _commit(tags: dict[str, str]) -> str:
    commit, plus, _ = tags.get("git_commit", "?").partition("+")
    return commit[:7] + plus


def when(ms: int) -> str:
    """Milliseconds since 1970 as date and time, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", width=WIDTH)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _cell(*lines: str) -> Text:
    """Text that came from people or files: shown as it is, without control characters or markup."""
    return Text("\n".join(printable(line) for line in lines if line))
