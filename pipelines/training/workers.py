"""Where the training loop runs: in this process, or in Ray Train's workers; and the checkpoints that both leave."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from components.augment import NO_AUGMENT
from components.model_file import Weights
from pipelines.params import Params
from pipelines.runtime import cluster
from pipelines.runtime.environment import storage
from pipelines.runtime.outputs import whole_file
from pipelines.runtime.tables import count_rows
from pipelines.training.batches import Batch, BatchMaker, load_crops, local_batches, ray_batches
from pipelines.training.decoded import keep_decoded, room_here, room_on_ray
from pipelines.training.loop import Plan, State, fit
from pipelines.training.mixture import Mixture

CHECKPOINT = "state.pt"
Metrics = dict[str, float]
VALIDATION_BATCH = 64


def batch_maker(params: Params, rank: int, world: int, mixture: Mixture | None = None) -> BatchMaker:
    """The maker of one worker's batches."""
    config, train = params.model(), params.train
    num_views, size = params.loss.num_views, train.batch_size
    return BatchMaker(config.codec, params.augment, config.scheme, train.seed, size, num_views, rank, world, mixture)


def mixture_of(params: Params, crops: Path) -> Mixture:
    """The recipe's sources, in the order of their rows, as their shards in a folder have them."""
    names = params.sources("train")
    sizes = tuple(count_rows(crops / name, "train") for name in names)
    return Mixture(sizes, tuple(params.share([name]) for name in names))


def load_splits(params: Params, crops: Path, room: float) -> dict[str, pa.Table]:
    """What a training reads: the training faces of all sources, decoded where they fit into `room` bytes, and the
    validation faces of those that are held out."""
    train, val = (load_crops(crops, split, params.sources(split)) for split in ("train", "val"))
    return {"train": keep_decoded(train, room), "val": val}


def validation_batches(params: Params, faces: pa.Table, rank: int, world: int) -> Iterator[Batch]:
    """One worker's share of the validation faces, not augmented; made anew each time, since they may be too many to keep."""
    config = params.model()
    maker = BatchMaker(config.codec, NO_AUGMENT, config.scheme, 0, 1)
    mine = np.arange(rank, len(faces), world)
    return (
        maker.plain(faces, mine[first : first + VALIDATION_BATCH]) for first in range(0, len(mine), VALIDATION_BATCH)
    )


def save_state(state: State, path: Path) -> None:
    with whole_file(path) as partial:
        torch.save(state, partial)


def load_state(path: Path) -> State:
    """Only tensors and plain values: a checkpoint cannot run code."""
    return torch.load(path, map_location="cpu", weights_only=True)


class LocalWorker:
    """The loop in this process, without Ray; implements `loop.Worker`."""

    rank, world = 0, 1

    def __init__(self, params: Params, crops: Path, folder: Path, on_metrics: Callable[[Metrics], None]) -> None:
        if params.train.use_gpu and not torch.cuda.is_available():
            raise ValueError("train.use_gpu is true, and torch finds no GPU here: set train.use_gpu: false")
        self.device = torch.device("cuda" if params.train.use_gpu else "cpu")
        self.params, self.folder, self.on_metrics = params, folder, on_metrics
        self.crops, self.mixture = load_splits(params, crops, room_here()), mixture_of(params, crops)

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        return local_batches(batch_maker(self.params, 0, 1, self.mixture), self.crops["train"], first, last)

    def validation(self) -> Iterator[Batch]:
        return validation_batches(self.params, self.crops["val"], 0, 1)

    def load(self) -> State | None:
        path = self.folder / CHECKPOINT
        return load_state(path) if path.exists() else None

    def report(self, metrics: Metrics, state: State) -> None:
        save_state(state, self.folder / CHECKPOINT)
        self.on_metrics(metrics)


class RayWorker:
    """One Ray Train worker; implements `loop.Worker`."""

    def __init__(self, config: dict[str, Any]) -> None:
        import ray.train
        import ray.train.torch

        context = ray.train.get_context()
        self.rank, self.world = context.get_world_rank(), context.get_world_size()
        self.device = ray.train.torch.get_device()
        self.params, self.references, self.metrics = config["params"], config["references"], config["metrics"]
        self.mixture: Mixture = config["mixture"]

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        cluster.quiet()
        maker = batch_maker(self.params, self.rank, self.world, self.mixture)
        return ray_batches(maker, self.references["train"], first, last)

    def validation(self) -> Iterator[Batch]:
        import ray

        return validation_batches(self.params, ray.get(self.references["val"]), self.rank, self.world)

    def load(self) -> State | None:
        import ray.train

        checkpoint = ray.train.get_checkpoint()
        if checkpoint is None:
            return None
        with checkpoint.as_directory() as folder:
            return load_state(Path(folder) / CHECKPOINT)

    def report(self, metrics: Metrics, state: State) -> None:
        import ray.train

        with tempfile.TemporaryDirectory() as folder:
            checkpoint = None
            if self.rank == 0:
                save_state(state, Path(folder) / CHECKPOINT)
                checkpoint = ray.train.Checkpoint.from_directory(folder)
            # Every worker must call this; it waits for all of them.
            ray.train.report(metrics, checkpoint=checkpoint, checkpoint_dir_name=f"step_{state['step']:08d}")
        if self.rank == 0:
            self.metrics.put(metrics)


def train_worker(config: dict[str, Any]) -> None:
    """What each Ray Train worker runs."""
    import ray

    params: Params = config["params"]
    fit(params, config["plan"], RayWorker(config), ray.get(config["references"]["weights"]))


def scaling(params: Params):
    """Ray Train's ScalingConfig, by parameters alone: so many workers, with a GPU each or a CPU each."""
    from ray.train import ScalingConfig

    return ScalingConfig(num_workers=params.train.num_workers, use_gpu=params.train.use_gpu)


def check_resources(params: Params, cluster_has: dict[str, float]) -> None:
    """Refuses what the cluster could never start: Ray would wait for it without an end.

    Raises:
        ValueError: Too few GPUs, or CPUs, for the workers, and no CPU beside them for the data.
    """
    wanted = params.train.num_workers
    gpus, cpus = int(cluster_has.get("GPU", 0)), int(cluster_has.get("CPU", 0))
    if params.train.use_gpu and gpus < wanted:
        raise ValueError(
            f"train.num_workers {wanted} with train.use_gpu takes as many GPUs, and there are {gpus}: "
            "use fewer workers, or train.use_gpu: false"
        )
    # Ray Train asks for a GPU or for a CPU per worker, not for both.
    needed = 1 if params.train.use_gpu else wanted + 1
    if cpus < needed:
        raise ValueError(
            f"train.num_workers {wanted} takes {needed} CPUs, one of them for the data, and there are {cpus}"
        )


def fit_with_ray(
    params: Params, plan: Plan, crops: Path, key: str, on_metrics: Callable[[Metrics], None], weights: Weights | None
) -> State:
    """Trains on Ray Train; a lost worker is replaced, and all go on from the last checkpoint.

    Raises:
        ValueError: Workers were lost more than `max_failures` times, or the training itself failed.
    """
    import ray
    from ray.train import CheckpointConfig, FailureConfig, RunConfig
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.train.v2.api.exceptions import TrainingFailedError
    from ray.util.queue import Queue

    with cluster.connected(params.train.num_workers):
        check_resources(params, ray.cluster_resources())
        metrics = Queue(actor_options={"num_cpus": 0})
        references = {split: ray.put(faces) for split, faces in load_splits(params, crops, room_on_ray()).items()}
        references["weights"] = ray.put(weights)
        mixture = mixture_of(params, crops)
        config = {"params": params, "plan": plan, "references": references, "mixture": mixture, "metrics": metrics}
        trainer = TorchTrainer(
            train_worker,
            train_loop_config=config,
            torch_config=TorchConfig(backend="nccl" if params.train.use_gpu else "gloo"),
            scaling_config=scaling(params),
            # The same name in the same place is how Ray Train is told to go on.
            run_config=RunConfig(
                name=key,
                storage_path=storage(),
                failure_config=FailureConfig(max_failures=params.train.max_failures),
                checkpoint_config=CheckpointConfig(num_to_keep=2),
            ),
        )
        with listening(metrics, on_metrics):
            try:
                result = trainer.fit()
            except TrainingFailedError as error:
                raise ValueError(f"training failed: {first_cause(error)}") from error
        assert result.checkpoint is not None
        with result.checkpoint.as_directory() as folder:
            return load_state(Path(folder) / CHECKPOINT)


def first_cause(error: BaseException) -> str:
    """The user's part of a failure in a worker: its last line."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    return str(next(iter(failures.values()))).strip().splitlines()[-1]


@contextmanager
def listening(queue, on_metrics: Callable[[Metrics], None]) -> Iterator[None]:
    """Hands what rank 0 puts into the queue to `on_metrics`, in this process, while the block runs."""
    done = threading.Event()

    def listen() -> None:
        while not done.wait(0.5):
            take()

    def take() -> None:
        for metrics in queue.get_nowait_batch(queue.qsize()):
            on_metrics(metrics)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
    finally:
        done.set()
        listener.join()
        take()
