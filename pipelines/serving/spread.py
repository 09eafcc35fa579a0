"""The same work on many processes, or machines: Ray Data reads pictures in tasks, and actors hold the model."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray.data
from ray.util.annotations import RayDeprecationWarning

from pipelines.runtime import cluster
from pipelines.serving.inputs import Input
from pipelines.serving.journal import Record
from pipelines.serving.looking import Looking, read
from pipelines.serving.model import load
from pipelines.serving.where import Where

# CPUs of a task that reads, and of an actor where it predicts on them: together they leave no core idle.
READING, PREDICTING = 0.25, 0.75
# Pictures that travel together: of 12 megapixels each, they are 290 MB.
TOGETHER = 8


def read_some(row: dict[str, Any]) -> dict[str, Any]:
    """A row's pictures, with where their faces are -> the same, read."""
    sources, where = row["work"]
    return {"work": [read(source, where) for source in sources]}


class Finder:
    """A model in an actor.

    Args:
        model: As `load` takes it; a folder or file must be reachable from every node.
        out: Where pictures are drawn; reachable from every node.
        how: Of `Looking`, but for the model.
    """

    def __init__(self, model: str, out: str, how: dict[str, Any]) -> None:
        import torch

        torch.set_num_threads(1)
        self.looking, self.out = Looking(load(model), **how), Path(out)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row's pictures that were read -> what became of them."""
        return {"work": self.looking.find(row["work"], self.out)}


def find_all_on_ray(
    model: str,
    looking: Looking,
    sources: list[Input],
    where: Where,
    out: Path,
    done: Callable[[list[Record]], None],
) -> None:
    """Finds the faces of all pictures; hands over what became of them, some at a time, in their order.

    Raises:
        ValueError: A worker died again and again.
    """
    how = {"passes": looking.passes, "min_confidence": looking.min_confidence, "pictures": looking.pictures}
    parts = [sources[first : first + TOGETHER] for first in range(0, len(sources), TOGETHER)]
    tries = {"max_restarts": cluster.MAX_RETRIES, "max_task_retries": cluster.MAX_RETRIES}
    with cluster.connected():
        gpus, cpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("GPU", "CPU"))
        actors = ray.data.ActorPoolStrategy(size=max(1, min(gpus or cpus, len(parts))))
        rows = [{"work": (part, where.among(part))} for part in parts]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RayDeprecationWarning)  # of the limits, which it takes in no other way
            found = (
                ray.data.from_items(rows, override_num_blocks=len(rows))
                .map(read_some, num_cpus=READING)
                .map(
                    Finder,
                    fn_constructor_args=(_from_anywhere(model), str(out.resolve()), how),
                    compute=actors,
                    num_cpus=0 if gpus else PREDICTING,
                    num_gpus=1 if gpus else 0,
                    **tries,
                )
            )
        for row in found.iter_rows():
            done(row["work"])


def _from_anywhere(model: str) -> str:
    """A model's name that does not hang on the working directory."""
    return str(Path(model).resolve()) if Path(model).exists() else model
