"""Registered versions: which stay, and which may go.

A version stays that an alias points to, that the history of decisions names, or that was registered within the last day: it
may be about to be decided. With `refused`, one that the gate alone decided against, and that never was champion, goes too:
its decision stays in the history.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from pipelines.gc.item import Item
from pipelines.registry.gate import Keep, NeedMoreData
from pipelines.registry.history import Entry, History
from pipelines.registry.tracking import Registry, Version

DAY_MS = 24 * 3600 * 1000
NOT_TAKEN = (Keep.word, NeedMoreData.word)


def split(registry: Registry, *, refused: bool) -> tuple[list[Version], list[Version]]:
    """Those that stay, and those that may go."""
    named = set(registry.aliases().values())
    for entry in History(registry).entries(state=None):
        if not (refused and _by_the_gate_alone(entry)):
            named.add(entry.version)
        named.add(entry.champion)
    young = time.time() * 1000 - DAY_MS
    versions = registry.versions()
    stay = [each for each in versions if each.number in named or each.registered_ms > young]
    return stay, [each for each in versions if each not in stay]


def _by_the_gate_alone(entry: Entry) -> bool:
    return entry.action in NOT_TAKEN and entry.by == Entry.by


def items(registry: Registry, going: list[Version]) -> Iterator[Item]:
    """The versions that may go; their files are their runs'."""
    for version in going:
        yield Item("versions", f"{registry.name} {version.number}", 0, partial(registry.drop, version.number))
