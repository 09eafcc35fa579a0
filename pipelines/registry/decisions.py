"""What follows from a decision, in the registry: aliases move, the version is told, the history has it.

The decision is written down first (`history`); then the champion moves, which is one write; all else that follows from it can
be done again, by whoever comes next: so a crash at any point leaves exactly one champion and loses no reason.
"""

from __future__ import annotations

from dataclasses import replace

from pipelines.registry import tracking
from pipelines.registry.history import DONE, PENDING, WITHDRAWN, Entry, History
from pipelines.registry.verify import verify

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
PROMOTE, ROLL_BACK, RETIRE, REJECT, AWAIT = "promote", "roll back", "retire", "reject", "await approval"
# Decided by a person, against a version: no flow takes that back.
AGAINST = ("rolled back", "retired", "rejected")


def carry_out(entry: Entry, registry: tracking.Registry) -> None:
    """Ends what was left half done, and carries out a decision.

    Raises:
        ValueError: The version does not stand its check, another decision is carried out just now, or the champion is another one
            than the entry says.
    """
    history = History(registry)
    recover(registry, history)
    moves = entry.action in (PROMOTE, ROLL_BACK)
    # Nobody is asked about a version that would not stand it.
    checked = {"checked": verify(registry, entry.version)} if moves or entry.action == AWAIT else {}
    with history.turn(entry):
        registry.tag(entry.version, checked)
        if moves and entry.champion != entry.version:
            registry.point(CHAMPION, entry.version)
        _follow(entry, registry)


def recover(registry: tracking.Registry, history: History) -> None:
    """Ends each decision that a crash cut short: it follows where the champion has moved already, else it never was."""
    for entry in history.entries(state=PENDING):
        if not entry.gone:
            continue
        moved = entry.action in (PROMOTE, ROLL_BACK) and registry.aliases().get(CHAMPION) == entry.version
        if moved:
            _follow(entry, registry)
        history.end(entry.run, DONE if moved else WITHDRAWN)


def _follow(entry: Entry, registry: tracking.Registry) -> None:
    """All but the champion's own move; a second time changes nothing."""
    told = {"decision": entry.action, "reason": entry.reason, "decided_by": entry.by, "decided_against": entry.champion}
    if entry.action == ROLL_BACK:
        told["decision"] = PROMOTE
        registry.tag(entry.champion, {**told, "decision": "rolled back", "decided_against": entry.version})
        registry.unpoint(PREVIOUS)
    elif entry.action == RETIRE:
        told["decision"] = "retired"
        _let_go(PREVIOUS, entry.version, registry)
    elif entry.action == REJECT:
        told["decision"] = "rejected"
    elif entry.action == PROMOTE and entry.champion not in ("", entry.version):
        registry.point(PREVIOUS, entry.champion)
    registry.tag(entry.version, told)
    if entry.action != AWAIT:  # whoever is asked finds it by its alias
        _let_go(CHALLENGER, entry.version, registry)


def _let_go(alias: str, version: str, registry: tracking.Registry) -> None:
    if registry.aliases().get(alias) == version:
        registry.unpoint(alias)


def promote(registry: tracking.Registry, version: str, because: str, by: str) -> Entry:
    """A person makes a version champion, whatever the gate says of it.

    Raises:
        ValueError: There is no such version, or it is the champion.
    """
    entry = asked(registry, version, PROMOTE, because, by)
    if entry.champion == version:
        raise ValueError(f"{registry.name} version {version} is the champion already")
    carry_out(entry, registry)
    return entry


def roll_back(registry: tracking.Registry, to: str | None, because: str, by: str) -> Entry:
    """A person puts an earlier champion back; the one that it was is never promoted again by a flow.

    Args:
        registry: Of the model.
        to: The version that becomes champion; None for the one that was before.
        because: The reason.
        by: Who decides.

    Raises:
        ValueError: There is no champion, no earlier one, or no such version.
    """
    aliases = registry.aliases()
    if CHAMPION not in aliases:
        raise ValueError(f"{registry.name} has no champion that could be rolled back")
    target = to or aliases.get(PREVIOUS)
    if target is None:
        raise ValueError(
            f"{registry.name} has no previous champion to go back to; name a version by --to: `heatmark versions --model {registry.name}` "
            "shows them"
        )
    if target == aliases[CHAMPION]:
        raise ValueError(f"{registry.name} version {target} is the champion already")
    entry = asked(registry, target, ROLL_BACK, because, by)
    carry_out(entry, registry)
    return entry


def retire(registry: tracking.Registry, version: str, because: str, by: str) -> Entry:
    """A person takes a version out of the running: no flow promotes it, and no rollback goes to it unasked.

    Raises:
        ValueError: There is no such version, or it is the champion.
    """
    entry = asked(registry, version, RETIRE, because, by)
    if entry.champion == version:
        raise ValueError(
            f"{registry.name} version {version} is the champion; roll back, or promote another version first"
        )
    carry_out(entry, registry)
    return entry


def answer(registry: tracking.Registry, version: str, approved: bool, because: str, by: str) -> Entry | None:
    """What a person says of a version that awaits approval: it becomes champion, or no flow promotes it, nor asks again.

    Args:
        registry: Of the model.
        version: That they were asked about.
        approved: Whether it becomes champion.
        because: The reason.
        by: Who decides.

    Returns:
        None where that is not the question any more: the version was decided about otherwise, or the champion is another one than
        it was compared with.

    Raises:
        ValueError: There is no such version, or another decision is carried out just now.
    """
    entry, tags = asked(registry, version, PROMOTE if approved else REJECT, because, by), registry.tags(version)
    if (tags.get("decision"), tags.get("decided_against")) != (AWAIT, entry.champion):
        return None
    carry_out(entry, registry)
    return entry


def asked(registry: tracking.Registry, version: str, action: str, because: str, by: str) -> Entry:
    """What a person asks for, as an entry that is not written down yet.

    Raises:
        ValueError: There is no reason, or no such version.
    """
    if not because.strip():
        raise ValueError('a decision needs its reason: --because "..."')
    registry.require(version)
    entry = Entry(registry.name, version, action, because.strip(), registry.aliases().get(CHAMPION, ""))
    return replace(entry, by=by)
