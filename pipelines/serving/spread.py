"""The same work on many processes, or machines: Ray Data reads pictures in tasks, and actors hold the model."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray.data
from ray.util.annotations import RayDeprecationWarning

from components.model_file import CONFIG, WEIGHTS
from pipelines.runtime import cluster
from pipelines.serving.inputs import Input
from pipelines.serving.journal import Record
from pipelines.serving.looking import Looking, read
from pipelines.serving.model import ONNX, fetched, load
from pipelines.serving.where import Detected, Where, detector_of

# CPUs of a task that reads, and of an actor where it predicts on them: together they leave no core idle.
READING, PREDICTING = 0.25, 0.75
# Pictures that travel together: of 12 megapixels each, they are 290 MB.
TOGETHER = 8


def read_some(row: dict[str, Any]) -> dict[str, Any]:
    """A row's pictures, with where their faces are -> the same, read."""
    sources, where = row["work"]
    if isinstance(where, Detected):
        detector_of(where.path)  # where it cannot be had, that is no fault of a picture's
    return {"work": [read(source, where) for source in sources]}


class Finder:
    """A model in an actor.

    Args:
        files: Of the saved or exported model, by their names.
        out: Where pictures are drawn; reachable from every node.
        how: Of `Looking`, but for the model.
    """

    def __init__(self, files: dict[str, bytes], out: str, how: dict[str, Any]) -> None:
        import torch

        torch.set_num_threads(1)
        with TemporaryDirectory() as place:
            for name, data in files.items():
                (Path(place) / name).write_bytes(data)
            exported = next((Path(place) / name for name in files if name.endswith(ONNX)), None)
            self.looking = Looking(load(exported or Path(place)), **how)
        self.out = Path(out)

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
        ValueError: A worker died again and again, or the model is another one meanwhile.
    """
    files = files_of(model)
    if hashlib.sha256(files.get(CONFIG) or next(iter(files.values()))).hexdigest() != looking.model.identity:
        raise ValueError(f"{model} is another model than a moment ago: try again")
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
                    fn_constructor_args=(files, str(out.resolve()), how),
                    compute=actors,
                    num_cpus=0 if gpus else PREDICTING,
                    num_gpus=1 if gpus else 0,
                    **tries,
                )
            )
        for row in found.iter_rows():
            done(row["work"])


def files_of(model: str) -> dict[str, bytes]:
    """The files of a model, fetched once for all actors: an alias may move, and not every node reaches what this one does.

    Raises:
        ValueError: There is no such model.
    """
    if model.endswith(ONNX) and not Path(model).is_dir():
        return {Path(model).name: Path(model).read_bytes()}
    with TemporaryDirectory() as place:
        folder = fetched(model, Path(place)).folder
        return {name: (folder / name).read_bytes() for name in (CONFIG, WEIGHTS)}
