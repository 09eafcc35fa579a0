"""The training loop in this process, without Ray; and what a training is, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from components.model_file import Weights
from pipelines.params import Params
from pipelines.runtime.environment import RUNS
from pipelines.training.batches import Batch, BatchMaker, local_batches
from pipelines.training.checkpoints import (
    Beside,
    State,
    copied,
    last_whole,
    read_best,
    write_checkpoint,
)
from pipelines.training.crops import COLUMNS, VISIBLE, Shards
from pipelines.training.decoded import keep_decoded, room_here
from pipelines.training.loop import Plan, fit
from pipelines.training.mixture import Mixture
from pipelines.training.validation import Validation

Metrics = dict[str, float]


@dataclass(frozen=True)
class Training:
    """What there is to train, wherever that is done.

    Attributes:
        key: Of all that decides the result: an equal one goes on where the last one ended.
        params: Of the recipe.
        plan: When things are due.
        train: Crops to train on, of each source, in the order of `Params.sources`.
        val: Crops to measure; None measures nothing, and the last weights are the best.
        weights: To start from; None: new ones.
    """

    key: str
    params: Params
    plan: Plan
    train: tuple[Shards, ...]
    val: Shards | None
    weights: Weights | None

    @classmethod
    def of(cls, params: Params, crops: Path, key: str, weights: Weights | None) -> Training:
        """That of a recipe, on shards in a folder for each dataset.

        Raises:
            ValueError: There are none, or none of the training's says which landmarks are hidden, where that is to be learnt.
        """
        train, val = shards_of(crops, params, "train"), shards_of(crops, params, "val")
        if params.loss.visibility and not any(source.marks_hidden() for source in train.values()):
            raise ValueError(
                f"{', '.join(train)}: no landmark of any face is marked as hidden, so that nothing says which are visible: "
                "set loss.visibility: false"
            )
        plan = Plan.of(params, sum(train[name].num_rows for name in val))
        return cls(key, params, plan, tuple(train.values()), Shards.joined(val.values()), weights)

    def maker(self, rank: int, world: int) -> BatchMaker:
        """The maker of one worker's batches."""
        shares = tuple(self.params.share([name]) for name in self.params.sources("train"))
        mixture = Mixture(tuple(source.num_rows for source in self.train), shares)
        shards = tuple(source.sizes for source in self.train)
        return replace(batch_maker(self.params, rank, world), mixture=mixture, shards=shards)


def shards_of(crops: Path, params: Params, split: str) -> dict[str, Shards]:
    """Those of each source that has the split, in the order of `Params.sources`."""
    columns = (*COLUMNS, VISIBLE) if params.loss.visibility else COLUMNS
    return {name: Shards.of(crops / name, split, columns) for name in params.sources(split)}


def batch_maker(params: Params, rank: int, world: int) -> BatchMaker:
    """The maker of one worker's batches, of the faces of one source in one shard."""
    config, train, num_views = params.model(), params.train, params.loss.num_views
    views = (params.augment, config.scheme, train.seed, train.batch_size, num_views)
    return BatchMaker(config.codec, *views, rank, world, visibility=params.loss.visibility)


def going_on(state: State | None) -> str:
    """What becomes of a training whose last checkpoint is damaged."""
    return "it begins anew" if state is None else f"it goes on from the checkpoint before, at step {state['step']}"


class LocalWorker:
    """The loop in this process, without Ray; implements `loop.Worker`.

    Args:
        training: What there is to train.
        folder: For checkpoints.
        on_metrics: Is told of each evaluation.

    Raises:
        ValueError: A GPU is asked for, and there is none.
    """

    rank, world = 0, 1

    def __init__(self, training: Training, folder: Path, on_metrics: Callable[[Metrics], None]) -> None:
        params, train, val = training.params, training.train, training.val
        if params.train.use_gpu and not torch.cuda.is_available():
            raise ValueError("train.use_gpu is true, and torch finds no GPU here: set train.use_gpu: false")
        self.device = torch.device("cuda" if params.train.use_gpu else "cpu")
        self.folder, self.on_metrics = folder, on_metrics
        self.maker, self.train = training.maker(0, 1), keep_decoded(Shards.joined(train).opened(), room_here())
        self.faces = None if val is None else Validation(params, val.opened(), 0, 1)
        self.writing = Beside()

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        return local_batches(self.maker, self.train, first, last)

    def validation(self) -> Iterator[Batch] | None:
        return None if self.faces is None else iter(self.faces)

    def load(self) -> State | None:
        state, wrong = last_whole(self.folder)
        for line in wrong:
            print(f"train: {line}; {going_on(state)}", flush=True)
        return state

    def report(self, metrics: Metrics, state: State, best: Weights | None) -> None:
        self.writing.do(partial(write_checkpoint, self.folder, copied(state), copied(best)))
        self.on_metrics(metrics)

    def best(self, state: State) -> Weights:
        """The best weights that were reported, on the CPU."""
        self.writing.wait()
        return read_best(self.folder, state)


def fit_here(training: Training, on_metrics: Callable[[Metrics], None]) -> tuple[State, Weights]:
    """Trains in this process; returns the final state, and the best weights.

    Raises:
        ValueError: The training failed, or there is no GPU where one is asked for.
    """
    worker = LocalWorker(training, RUNS / training.key, on_metrics)
    state = fit(training.params, training.plan, worker, training.weights)
    return state, worker.best(state)
