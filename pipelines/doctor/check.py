"""What looking at one thing says."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, WRONG = "ok", "warning", "wrong"


@dataclass(frozen=True)
class Check:
    """What was seen, and what mends it.

    Attributes:
        state: OK; WARNING for what works but should be known; WRONG for what a retraining would fall over.
        seen: For people, without a password.
        mend: A command or a step; empty where all is well.
    """

    state: str
    seen: str
    mend: str = ""

    def __post_init__(self) -> None:
        assert self.state in (OK, WARNING, WRONG)
        assert bool(self.mend) == (self.state != OK)


def ok(seen: str) -> Check:
    return Check(OK, seen)


def warning(seen: str, mend: str) -> Check:
    return Check(WARNING, seen, mend)


def wrong(seen: str, mend: str) -> Check:
    return Check(WRONG, seen, mend)


def are(count: int, noun: str) -> str:
    """A count with its noun and verb: "1 file is", "2 files are"."""
    return f"1 {noun} is" if count == 1 else f"{count} {noun}s are"


def some(names: list[str], shown: int = 3) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
