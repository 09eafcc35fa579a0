"""What there is of a registered model, for people: its versions, and what was decided about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from components.text import printable
from pipelines.registry import tracking
from pipelines.registry.history import Entry, History

WIDTH = 80


def versions(registry: tracking.Registry) -> Table:
    """A line for each version, the newest first."""
    named: dict[str, list[str]] = {}
    for alias, version in registry.aliases().items():
        named.setdefault(version, []).append(f"@{alias}")
    table = sheet(registry.name, "version", "NME (95%)", "decided", "registered", "data", "commit")
    for version, registered_ms, tags in registry.versions():
        table.add_row(
            cell(version, *sorted(named.get(version, []))),
            cell(*_nme(tags)),
            cell(tags.get("decision") or "not yet", f"by {tags['decided_by']}" if "decided_by" in tags else ""),
            cell(*when(registered_ms).split(" ", 1)),
            cell(tags.get("data_version", "?")[:6]),
            cell(_commit(tags)),
        )
    return table


def history(registry: tracking.Registry, version: str | None = None) -> Table:
    """A line for each decision, the newest first; of one version, or of all."""
    table = sheet(registry.name, "when (UTC)", "decision", "by", "reason")
    for entry in History(registry).entries(state=None):
        if version in (None, entry.version):
            state = "" if entry.state == "done" else entry.state
            table.add_row(cell(when(entry.at_ms)), cell(done(entry), state), cell(entry.by), cell(entry.reason))
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
    said = {name: value for name, value in sorted(found.tags.items()) if value}
    for name, value in {**facts, **said}.items():
        table.add_row(cell(name), cell(value))
    return table


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


def sheet(title: str, *columns: str) -> Table:
    """An empty table of 80 columns."""
    table = Table(title=title, title_justify="left", width=WIDTH)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def cell(*lines: str) -> Text:
    """Text that came from people or files: shown as it is, without control characters or markup."""
    return Text("\n".join(printable(line) for line in lines if line))
