"""The workspace of a checkout: it has one writer at a time, and an experiment leaves it as it was."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from flows.apart import undisturbed
from pipelines.runtime import neighbours
from pipelines.runtime.environment import ROOT, STATE
from pipelines.runtime.outputs import alone, in_turn, whole_file

LOCK = "dvc.lock"
# Held by whatever runs a command that writes into the workspace, and by the command itself, which may outlive it.
COMMAND_LOCK = STATE / "command.lock"
# What DVC writes and git keeps; from the lock DVC brings its other outputs back itself.
KEPT = ("params.yaml", LOCK, "reports/*/metrics.json")
# How the workspace was, while an experiment runs; there afterwards only if that was killed.
BEFORE = Path(".state/before_experiment.json")
# What a killed one has left of these, in case that somebody has changed it since by hand.
LEFT = Path(".state/left_by_experiment")


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
        put_back_left(ROOT)
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
    before = {path.relative_to(root).as_posix(): content.decode("latin-1") for path, content in kept(root).items()}
    (root / BEFORE).parent.mkdir(exist_ok=True)
    with whole_file(root / BEFORE) as partial:
        partial.write_text(json.dumps({"branch": current_branch(root), "files": before}), encoding="utf-8")
    try:
        yield
    finally:
        with undisturbed():
            _restore(root)


def put_back_left(root: Path) -> None:
    """Does what an experiment that was killed could not do any more."""
    if not (root / BEFORE).exists():
        return
    for path, content in kept(root).items():
        copy = root / LEFT / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
    _restore(root)
    print(
        f"an experiment was killed before it could put the workspace back: that is done now; what it held until now is in {LEFT}",
        flush=True,
    )


def _restore(root: Path) -> None:
    noted = json.loads((root / BEFORE).read_text(encoding="utf-8"))
    branch, before = noted["branch"], {root / name: text.encode("latin-1") for name, text in noted["files"].items()}
    write_kept(root, before)
    # DVC leaves it while it works; where it had to be killed, it did not come back.
    if branch and branch != current_branch(root):
        subprocess.run(["git", "symbolic-ref", "HEAD", branch], cwd=root, check=True)
    if root / LOCK in before:
        # What it cannot bring back, the next retraining makes.
        subprocess.run(["dvc", "checkout", "--quiet", "dvc.yaml"], cwd=root, capture_output=True, check=False)
    (root / BEFORE).unlink()


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
