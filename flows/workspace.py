"""The workspace of a checkout: it has one writer at a time, and an experiment leaves it as it was."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from flows.apart import undisturbed
from pipelines.runtime import neighbours
from pipelines.runtime.environment import STATE
from pipelines.runtime.outputs import alone, in_turn, whole_file

LOCK = "dvc.lock"
# Held by whatever runs a command that writes into the workspace, and by the command itself, which may outlive it.
COMMAND_LOCK = STATE / "command.lock"
# What DVC writes and git keeps; from the lock DVC brings its other outputs back itself.
KEPT = ("params.yaml", LOCK, "reports/*/metrics.json")


@contextmanager
def only_writer() -> Iterator[None]:
    """Held by a retraining or an experiment for the whole of it: params.yaml must stay while DVC works by it.

    What a killed one has left running is waited for, since DVC records it when it ends: nothing is made twice.

    Raises:
        ValueError: Another one holds it.
    """
    busy = "a retraining or an experiment is running in this folder: try again when it has ended"
    with alone(STATE / "retrain.lock", busy):
        with in_turn(COMMAND_LOCK, left_running):
            pass
        yield


def command_lock() -> AbstractContextManager[int]:
    """Held for a command of the only writer; the command is to be given the open file of this number, and holds it too."""
    return in_turn(COMMAND_LOCK)


def left_running() -> str:
    """What to say while a command goes on whose retraining or experiment was killed."""
    who = neighbours.holding(COMMAND_LOCK)
    stop = f"; `kill -- -{who[0]}` ends it" if who else ""
    return f"a killed retraining or experiment has left a command running: waiting for {neighbours.names(who)}{stop}"


@contextmanager
def put_back(root: Path) -> Iterator[None]:
    """Puts the workspace back as it was, however the block ends: `KEPT` byte for byte, DVC's outputs, and git's branch."""
    before, branch = kept(root), current_branch(root)
    try:
        yield
    finally:
        with undisturbed():
            write_kept(root, before)
            # DVC leaves it while it works; where it had to be killed, it did not come back.
            if branch and branch != current_branch(root):
                subprocess.run(["git", "symbolic-ref", "HEAD", branch], cwd=root, check=True)
            if root / LOCK in before:
                # What it cannot bring back, the next retraining makes.
                subprocess.run(["dvc", "checkout", "--quiet", "dvc.yaml"], cwd=root, capture_output=True, check=False)


def kept(root: Path) -> dict[Path, bytes]:
    """What the files hold that `KEPT` names."""
    return {path: path.read_bytes() for pattern in KEPT for path in root.glob(pattern)}


def write_kept(root: Path, before: Mapping[Path, bytes]) -> None:
    """Makes them hold that again; one that was not there goes."""
    now = kept(root)
    for path in now.keys() - before.keys():
        path.unlink()
    for path, content in before.items():
        if now.get(path) != content:
            with whole_file(path) as partial:
                partial.write_bytes(content)


def current_branch(root: Path) -> str:
    """Full name of the branch that git is on; "" on none."""
    words = ["git", "symbolic-ref", "--quiet", "HEAD"]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, check=False).stdout.strip()
