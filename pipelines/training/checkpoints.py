"""Checkpoints: the state that a training goes on from, and the best weights, in a folder.

A folder holds `state.pt`, and `best_STEP.pt` where the state knows that its best weights were those of STEP. The best
weights are written once, when they are found, not with every state after it. In a folder that a training goes on writing to,
`state.before.pt` is the state before the last one, for the day on which that is found damaged.

Each file ends with the SHA-256 of what is before it: torch reads a changed byte without a word.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from components.model_file import Weights
from pipelines.runtime.outputs import whole_file

STATE, BEFORE = "state.pt", "state.before.pt"
State = dict[str, Any]


DIGEST, CHUNK = hashlib.sha256().digest_size, 1 << 20


class DamagedError(ValueError):
    """A file of a checkpoint is missing, or is not as it was written."""


def copied(value: Any) -> Any:
    """A copy on the CPU of a state: of its tensors, its dicts and its lists; what goes on training leaves it as it is."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {name: copied(each) for name, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value


def write_checkpoint(folder: Path, state: State, best: Weights | None) -> None:
    """Writes a state and, where they are new, the best weights that it names; these first, so that none is missed.

    The state before it stays, with its best weights; those of earlier ones go.
    """
    name = _best_name(state["best"]["step"])
    if best is not None:
        _save(best, folder / name)
    _save(state, folder / STATE, folder / BEFORE)
    former = sorted(path.name for path in folder.glob("best_*.pt") if path.name != name)
    for unused in former[:-1]:
        (folder / unused).unlink()


def last_whole(folder: Path) -> tuple[State | None, list[str]]:
    """The last state that is whole, and whose best weights are, or None; and what is wrong with the states after it."""
    wrong = []
    for name in (STATE, BEFORE):
        if not (folder / name).exists():
            continue
        try:
            state = _load(folder / name)
            read_best(folder, state)
        except DamagedError as error:
            wrong.append(f"{folder}/{error}")
        else:
            return state, wrong
    return None, wrong


def read_state(folder: Path) -> State:
    """The last state.

    Raises:
        DamagedError: It is missing, or is not as it was written.
    """
    return _load(folder / STATE)


def read_best(folder: Path, state: State) -> Weights:
    """The best weights that a state names.

    Raises:
        DamagedError: They are missing, or are not as they were written.
    """
    return _load(folder / _best_name(state["best"]["step"]))


def _best_name(step: int) -> str:
    return f"best_{step:08d}.pt"


def _save(value: State | Weights, path: Path, before: Path | None = None) -> None:
    """Writes a file; what it held goes to `before`, if that is given."""
    with whole_file(path) as partial:
        try:
            torch.save(value, partial)
        except RuntimeError as error:  # torch says no more than that a write failed
            if shutil.disk_usage(partial.parent).free < CHUNK:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise
        with partial.open("rb+") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            file.write(digest)  # torch's format is a zip, which is read from its end, whatever comes after that
        if before and path.exists():
            path.replace(before)


def _load(path: Path) -> Any:
    """Only tensors and plain values: a checkpoint cannot run code."""
    if not path.is_file():
        raise DamagedError(f"{path.name} is missing")
    size, digest = path.stat().st_size - DIGEST, hashlib.sha256()
    with path.open("rb") as file:
        for first in range(0, max(0, size), CHUNK):
            digest.update(file.read(min(CHUNK, size - first)))
        if file.read() != digest.digest():
            raise DamagedError(
                f"{path.name} is damaged: its SHA-256 is {digest.hexdigest()}, which is not the one at its end"
            )
    return torch.load(path, map_location="cpu", weights_only=True)


class Beside:
    """Does one thing at a time beside the training; a process that ends waits for it."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1)
        self.last: Future[None] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Waits for what was to be done before, and starts the next.

        Raises:
            ValueError: What was to be done before has failed; so may any other error of it.
        """
        self.wait()
        self.last = self.pool.submit(work)

    def wait(self) -> None:
        """Waits for the last thing, and raises what it raised."""
        if self.last is not None:
            self.last.result()
