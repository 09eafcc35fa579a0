"""What was decided about a registered model: when, by whom, why. Each decision is an MLflow run, which nobody changes later.

The registry alone cannot tell: a version that is deleted takes its tags along, and an alias says nothing of where it pointed.
A decision is written down before it is carried out, and ended after it; so one that a crash cut short is found, and two that
are made at once, from wherever, find each other.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace

import psutil

from pipelines.registry import tracking

EXPERIMENT = "heatmark-decisions"
PENDING, DONE, WITHDRAWN = "pending", "done", "withdrawn"
# After so long, whoever began a decision on another machine is taken to be gone; on this one its process tells.
GONE_S = 600
WAIT_S, POLL_S = 60, 0.2
PREFIX = "heatmark."


@dataclass(frozen=True)
class Entry:
    """One decision.

    Attributes:
        model: Name of the registered model.
        version: Which it is about.
        action: "promote", "keep", "need more data", "await approval", "reject", "roll back" or "retire".
        reason: For it.
        champion: The version that was champion before; "" where there was none.
        looked: Whether test faces were compared for it, "yes" or "no", or those that were "kept aside": looks are counted.
        by: Who decided: a person by name, or the flow.
        where: Host and process that carry it out.
        state: "pending", "done" or "withdrawn".
        run: MLflow's id; "" before it is written down.
        at_ms: When, milliseconds since 1970, UTC.
    """

    model: str
    version: str
    action: str
    reason: str
    champion: str
    looked: str = "no"
    by: str = "the retraining flow"
    where: str = ""
    state: str = PENDING
    run: str = ""
    at_ms: int = 0

    @property
    def gone(self) -> bool:
        """Whether nobody carries it out any more."""
        host, _, process = self.where.rpartition(":")
        if host == socket.gethostname():
            return int(process) == os.getpid() or not psutil.pid_exists(int(process))
        return time.time() * 1000 - self.at_ms > GONE_S * 1000


# The fields that are kept as tags of the run; the others are its own.
TAGS = [field.name for field in fields(Entry) if field.name not in ("run", "at_ms")]


def person() -> str:
    """Who types a command here."""
    with suppress(OSError, KeyError):  # a user without a name
        return f"{getpass.getuser()}@{socket.gethostname()}"
    return socket.gethostname()


class History:
    """The decisions about one registered model.

    Args:
        registry: Of that model.
    """

    def __init__(self, registry: tracking.Registry) -> None:
        self.client, self.model, self.registry = registry.client, registry.name, registry
        self.experiment = tracking.experiment(self.client, EXPERIMENT)

    def entries(self, *, state: str | None = DONE, since_ms: int = 0) -> list[Entry]:
        """The newest first."""
        asked = [f"tags.`{PREFIX}model` = '{self.model}'", f"attributes.start_time >= {since_ms}"]
        asked += [f"tags.`{PREFIX}state` = '{state}'"] if state else []
        runs = tracking.every_run(self.client, self.experiment, " and ".join(asked))
        return [
            Entry(**{name: tags.get(PREFIX + name, "") for name in TAGS}, run=run, at_ms=at) for run, at, tags in runs
        ]

    def looks(self, days: int) -> int:
        """How often test faces were compared within the last days."""
        since = int((time.time() - days * 86400) * 1000)
        return sum(entry.looked == "yes" for entry in self.entries(since_ms=since))

    @contextmanager
    def turn(self, entry: Entry) -> Iterator[None]:
        """Writes a decision down, and holds the registered model for the block, which carries it out.

        Whoever writes a decision down reads then whether there is another one that is not ended. Of two that see each other the
        one with the greater id goes back; the other waits until it has, or has been carried out. So never two are inside.

        Raises:
            ValueError: Another decision is carried out just now.
        """
        run = self._begin(entry)
        try:
            self._wait(entry, run)
        except BaseException:  # nothing is begun yet, whatever the champion has become
            self.end(run, WITHDRAWN)
            raise
        try:
            yield
        except BaseException:
            # What is half done stays pending: whoever comes next finds it, and ends it.
            if self._champion_is(entry.champion):
                self.end(run, WITHDRAWN)
            raise
        self.end(run, DONE)

    def _begin(self, entry: Entry) -> str:
        now = int(time.time() * 1000)
        entry = replace(entry, where=f"{socket.gethostname()}:{os.getpid()}", state=PENDING)
        tags = {PREFIX + name: str(getattr(entry, name)) for name in TAGS}
        name = f"{entry.action} {entry.version}"
        return self.client.create_run(self.experiment, start_time=now, tags=tags, run_name=name).info.run_id

    def _wait(self, entry: Entry, run: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while others := [other for other in self.entries(state=PENDING) if other.run != run and not other.gone]:
            other = min(others, key=lambda each: each.run)
            if other.run < run or time.monotonic() > deadline:
                raise ValueError(
                    f"another decision about {self.model} is carried out just now ({other.action} version {other.version}, by "
                    f"{other.by} on {other.where}): look at `heatmark history --model {self.model}`, and try again"
                )
            time.sleep(POLL_S)
        if not self._champion_is(entry.champion):
            raise ValueError(
                f"meanwhile the champion of {self.model} has become another one than {entry.champion or 'none'}: look at "
                f"`heatmark history --model {self.model}`, and decide again"
            )

    def _champion_is(self, version: str) -> bool:
        return self.registry.aliases().get("champion", "") == version

    def end(self, run: str, state: str) -> None:
        self.client.set_tag(run, PREFIX + "state", state)
        self.client.set_terminated(run, "FINISHED" if state == DONE else "KILLED")
