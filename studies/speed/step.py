"""A training step by part: clocks around the calls that the training's own loop makes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import wraps
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import torch

from components.losses.objective import Objective
from components.model import LandmarkModel
from pipelines.params import Params
from pipelines.training.average import Average
from pipelines.training.batches import Batch
from pipelines.training.checkpoints import State
from pipelines.training.loop import Plan, fit
from pipelines.training.workers import batch_maker
from studies.inputs.recipe import with_changes

DATA, REST = "data", "the rest"
PARTS: tuple[tuple[str, Any, str], ...] = (
    ("forward", LandmarkModel, "forward"),
    ("loss", Objective, "sums"),
    ("backward", torch.Tensor, "backward"),
    ("optimiser", torch.optim.AdamW, "step"),
    ("EMA", Average, "update"),
)


class Clock:
    """CPU seconds by part; counts while it runs."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.began: float | None = None
        self.whole = 0.0

    def start(self) -> None:
        self.began = time.process_time()

    def stop(self) -> None:
        if self.began is not None:
            self.whole, self.began = self.whole + time.process_time() - self.began, None

    def around(self, part: str, function: Callable) -> Callable:
        @wraps(function)
        def call(*args, **kwargs):
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                if self.began is not None:
                    self.spent[part] = self.spent.get(part, 0) + time.process_time() - start

        return call


class Watched:
    """The loop's worker, whose first step and whose evaluation are not counted; implements `loop.Worker`."""

    rank, world, device = 0, 1, torch.device("cpu")

    def __init__(self, params: Params, crops: pa.Table, clock: Clock) -> None:
        self.maker, self.crops, self.clock = batch_maker(params, 0, 1), crops, clock

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        make = self.clock.around(DATA, self.maker.make)
        for step in range(first, last):
            if step == first + 1:
                self.clock.start()
            yield make(step, self.crops)

    def validation(self) -> Iterator[Batch]:
        self.clock.stop()
        return iter([self.maker.plain(self.crops, np.arange(1))])

    def load(self) -> State | None:
        return None

    def report(self, *told: object) -> None:
        pass


def step_seconds(params: Params, crops: pa.Table, num_steps: int) -> dict[str, float]:
    """CPU seconds of a mean step by part, of `num_steps` after the first."""
    params = with_changes(params, {"train": {"num_workers": 0, "evaluations": 1, "use_gpu": False, "compile": False}})
    clock, codec = Clock(), params.model().codec
    with ExitStack() as stack:
        for part, owner, name in (*PARTS, ("loss", type(codec), "render")):
            stack.enter_context(patch.object(owner, name, clock.around(part, getattr(owner, name))))
        fit(params, Plan(num_steps + 1, frozenset([num_steps + 1])), Watched(params, crops, clock))
    spent = {part: clock.spent[part] for part in (DATA, *(part for part, _, _ in PARTS))}
    spent[REST] = clock.whole - sum(spent.values())
    return {part: seconds / num_steps for part, seconds in spent.items()}
