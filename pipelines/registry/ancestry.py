"""The chain that a version is part of, both ways: all that made it, and all that was made from it."""

from __future__ import annotations

import re

from rich.markup import escape
from rich.tree import Tree

from components.text import printable
from pipelines.registry import tracking
from pipelines.registry.history import History
from pipelines.registry.versions import done, when

DATA = "data."


def tree(registry: tracking.Registry, version: str) -> Tree:
    """A version with what it was made from (and the models before it), what was decided about it, and what came of it.

    Raises:
        ValueError: There is no such version.
    """
    registry.require(version)
    tags = registry.tags(version)
    root = Tree(_line(_title(registry, version, tags), bold=True))
    _made_from(root.add("made from"), registry, tags, {(registry.name, version)})
    _decided(root, registry, version)
    _led_to(root, registry, tags, {(registry.name, version)})
    return root


def _title(registry: tracking.Registry, version: str, tags: dict[str, str]) -> str:
    aliases = [f"@{alias}" for alias, number in sorted(registry.aliases().items()) if number == version]
    nme = f"NME {float(tags['test_nme']):.2%}" if "test_nme" in tags else ""
    return ", ".join(filter(None, [f"{registry.name} version {version}", *aliases, nme]))


def _made_from(branch: Tree, registry: tracking.Registry, tags: dict[str, str], seen: set[tuple[str, str]]) -> None:
    """One line for each thing that decided a version's result, and below the model it started from, that one's."""
    for name, said in made_from(tags).items():
        branch.add(_line(f"{name}: {said}"))
    if "start" in tags:
        _parent(branch, registry, tags, seen)


def made_from(tags: dict[str, str]) -> dict[str, str]:
    """What decided a version's result, by its tags; without the model that it started from."""
    return {
        "training": f"{tags.get(tracking.KEY_TAG, '?')}, MLflow run {tags.get('run_id', '?')}",
        "flow run": tags.get("flow_run", "not written down"),
        "data": f"version {tags.get('data_version', '?')}",
        **{f"data {name.removeprefix(DATA)}": said for name, said in sorted(tags.items()) if name.startswith(DATA)},
        "trained on": tags.get("trained_on", "?"),
        "code": _code(tags),
        "lock": f"requirements.lock {tags.get('lock', '?')}, dvc.lock {tags.get('dvc_lock', '?')}",
        "machine": tags.get("machine", "?"),
        "protocol": tags.get("protocol", "?"),
    }


def _code(tags: dict[str, str]) -> str:
    commit, plus, _ = tags.get("git_commit", "?").partition("+")
    return f"commit {commit}" + (", changed by provenance/changes.diff of the run" if plus else "")


def _parent(branch: Tree, registry: tracking.Registry, tags: dict[str, str], seen: set[tuple[str, str]]) -> None:
    line = branch.add(_line(f"started from {tags['start']}"))
    named = re.fullmatch(r"(\S+) version (\d+)", tags.get("start.source", ""))
    found = tracking.found(registry.client, named[1], named[2]) if named else None
    if named and found and (named[1], named[2]) not in seen:
        _made_from(line, registry, found.tags, {*seen, (named[1], named[2])})


def _decided(root: Tree, registry: tracking.Registry, version: str) -> None:
    branch = root.add("decided")
    entries = [entry for entry in History(registry).entries() if version in (entry.version, entry.champion)]
    for entry in entries:
        branch.add(_line(f"{when(entry.at_ms)} {done(entry)}, by {entry.by}: {entry.reason}"))
    if not entries:
        branch.add("nothing yet")


def _led_to(root: Tree, registry: tracking.Registry, tags: dict[str, str], seen: set[tuple[str, str]]) -> None:
    branch = root.add("led to")
    made = tracking.started_from(registry.client, tags.get(tracking.KEY_TAG, ""))
    for name, child in made:
        if (name, child.number) in seen:
            continue
        other = tracking.Registry(registry.client, name)
        below = branch.add(_line(_title(other, child.number, child.tags)))
        if tracking.started_from(registry.client, child.tags.get(tracking.KEY_TAG, "")):
            _led_to(below, other, child.tags, {*seen, (name, child.number)})
    if not made:
        branch.add("no other version started from it")


def _line(text: str, *, bold: bool = False) -> str:
    """Text that came from people or files: shown as it is."""
    shown = escape(printable(text))
    return f"[bold]{shown}[/bold]" if bold else shown
