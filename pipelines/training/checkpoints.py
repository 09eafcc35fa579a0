"""Checkpoints: the state that a training goes on from, and the best weights, in a folder.

A folder holds `state.pt`, and `best_STEP.pt` where the state knows that its best weights were those of STEP. The best
weights are written once, when they are found, not with every state after it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from components.model_file import Weights
from pipelines.runtime.outputs import whole_file

STATE = "state.pt"
State = dict[str, Any]


def copied(value: Any) -> Any:
    """A copy on the CPU of a state: of its tensors, its dicts and its lists; what goes on training leaves it as it is."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {name: copied(each) for name, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value


def write_checkpoint(folder: Path, state: State, best: Weights | None) -> None:
    """Writes a state and, where they are new, the best weights that it names; these first, so that none is missed."""
    name = _best_name(state["best"]["step"])
    if best is not None:
        _save(best, folder / name)
    _save(state, folder / STATE)
    for former in folder.glob("best_*.pt"):
        if former.name != name:
            former.unlink()


def read_state(folder: Path) -> State:
    return _load(folder / STATE)


def read_best(folder: Path, state: State) -> Weights:
    """The best weights that a state names."""
    return _load(folder / _best_name(state["best"]["step"]))


def _best_name(step: int) -> str:
    return f"best_{step:08d}.pt"


def _save(value: State | Weights, path: Path) -> None:
    with whole_file(path) as partial:
        torch.save(value, partial)


def _load(path: Path) -> Any:
    """Only tensors and plain values: a checkpoint cannot run code."""
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
