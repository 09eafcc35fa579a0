"""The training loop in Ray Train's workers: what each of them is given, and what becomes of their checkpoints."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from components.model_file import Weights
from pipelines.params import Params
from pipelines.runtime import cluster
from pipelines.runtime.environment import storage
from pipelines.training.batches import Batch, local_batches, looked_up, ray_batches
from pipelines.training.checkpoints import DamagedError, State, copied, read_best, read_state, write_checkpoint
from pipelines.training.crops import Shards, in_object_store
from pipelines.training.decoded import keep_decoded, room_on_ray
from pipelines.training.loop import fit
from pipelines.training.validation import Validation
from pipelines.training.workers import Metrics, Training, going_on

# Ray's metric of a checkpoint: the step, where it brought new best weights, else 0. The highest is kept, and the last.
IMPROVED = "improved_at"
# Of a node's object store: what a split may take. Batches, and the other split, lie there as well.
HELD_IN_STORE = 1 / 3
# Between looks at what rank 0 has said; each wakes two processes.
LISTEN_S = 2


class RayWorker:
    """One Ray Train worker; implements `loop.Worker`."""

    def __init__(self, config: dict[str, Any]) -> None:
        import ray.train
        import ray.train.torch

        context = ray.train.get_context()
        self.rank, self.world = context.get_world_rank(), context.get_world_size()
        self.device = ray.train.torch.get_device()
        training: Training = config["training"]
        self.params, self.crops, self.metrics = training.params, config["crops"], config["metrics"]
        self.maker = training.maker(self.rank, self.world)
        # Every core trains: batches made by other processes would wait for one of these, and then be handed over.
        self.crowded = self.device.type == "cpu" and context.get_local_world_size() >= (os.cpu_count() or 1)
        self.faces: Validation | None = None
        self.written = threading.Event()
        self.written.set()
        self.suffix = ""

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        if self.crowded:
            return local_batches(self.maker, looked_up(self.crops["train"]), first, last)
        cluster.quiet()
        return ray_batches(self.maker, self.crops["train"], first, last)

    def validation(self) -> Iterator[Batch] | None:
        if self.crops["val"] is None:
            return None
        self.faces = self.faces or Validation(self.params, looked_up(self.crops["val"]), self.rank, self.world)
        return iter(self.faces)

    def load(self) -> State | None:
        import ray.train

        checkpoint = ray.train.get_checkpoint()
        if checkpoint is None:
            return None
        state, wrong = last_whole_of(checkpoint)
        # Other names than those of the damaged ones, which Ray goes on counting.
        self.suffix = "_again" * bool(wrong)
        if self.rank == 0:
            for line in wrong:
                self.metrics.put(f"{line}; {going_on(state)}")
        return state

    def report(self, metrics: Metrics, state: State, best: Weights | None) -> None:
        import ray.train

        brief = {**metrics, IMPROVED: state["step"] if best is not None else 0}
        how: dict[str, Any] = {}
        if self.rank == 0:
            self.written.wait()
            how = self._upload(copied(state), copied(best))
        # Every worker must call this; it waits for all of them, but not for the checkpoint, which is written beside the
        # training. When a worker is done, Ray waits for the last one.
        ray.train.report(brief, checkpoint_dir_name=checkpoint_name(state["step"]) + self.suffix, **how)
        if self.rank == 0:
            self.metrics.put(metrics)

    def _upload(self, state: State, best: Weights | None) -> dict[str, Any]:
        import ray.train

        folder, storage = tempfile.mkdtemp(), ray.train.get_context().get_storage()
        written = self.written = threading.Event()

        def upload(checkpoint: ray.train.Checkpoint, name: str) -> ray.train.Checkpoint:
            try:
                write_checkpoint(Path(folder), state, best)
                return storage.persist_current_checkpoint(checkpoint, name)
            finally:
                written.set()  # of one that failed, Ray tells, and ends the training

        return {
            "checkpoint": ray.train.Checkpoint.from_directory(folder),
            "checkpoint_upload_mode": ray.train.CheckpointUploadMode.ASYNC,  # Ray deletes the folder after it
            "checkpoint_upload_fn": upload,
        }


STEP = "step_"


def checkpoint_name(step: int) -> str:
    return f"{STEP}{step:08d}"


def last_whole_of(checkpoint: Any) -> tuple[State | None, list[str]]:
    """The last state that is whole, and whose best weights are, or None; and what is wrong with the checkpoints after it.

    Args:
        checkpoint: The last one; those before it lie beside it.
    """
    found, wrong = beside(checkpoint), []
    for each in found:
        try:
            with each.as_directory() as folder:
                state = read_state(Path(folder))
            best_of(found, state)
        except DamagedError as error:
            wrong.append(f"{each.path}/{error}")
        else:
            return state, wrong
    return None, wrong


def beside(checkpoint: Any) -> list[Any]:
    """A checkpoint, and those before it, the last one first."""
    from pyarrow.fs import FileSelector, FileType
    from ray.train import Checkpoint

    folder, _, own = checkpoint.path.rpartition("/")
    there = checkpoint.filesystem.get_file_info(FileSelector(folder))
    names = [info.base_name for info in there if info.type == FileType.Directory and info.base_name.startswith(STEP)]
    before = sorted((name for name in names if name < own), reverse=True)
    return [checkpoint, *(Checkpoint(f"{folder}/{name}", checkpoint.filesystem) for name in before)]


def best_of(checkpoints: Iterable[Any], state: State) -> Weights:
    """The best weights that a state names, from the first of some checkpoints that has them whole.

    Raises:
        DamagedError: None has.
    """
    name, wrong = checkpoint_name(state["best"]["step"]), DamagedError("its best weights are missing")
    for checkpoint in checkpoints:
        if Path(checkpoint.path).name.startswith(name):
            try:
                with checkpoint.as_directory() as folder:
                    return read_best(Path(folder), state)
            except DamagedError as error:
                wrong = error
    raise wrong


def train_worker(config: dict[str, Any]) -> None:
    """What each Ray Train worker runs."""
    import ray

    training: Training = config["training"]
    fit(training.params, training.plan, RayWorker(config), ray.get(config["weights"]))


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
    training: Training, on_metrics: Callable[[Metrics], None], on_stop: Callable[[], None]
) -> tuple[State, Weights]:
    """Trains on Ray Train; a lost worker is replaced, and all go on from the last checkpoint.

    Args:
        training: That is asked for.
        on_metrics: Called with each evaluation.
        on_stop: Called at once when the training is told to end. Ray's own processes are told at the same time, and Ray aborts
            this one within seconds of losing them.

    Raises:
        ValueError: Workers were lost more than `max_failures` times, or the training itself failed.
    """
    import ray
    from ray.train import CheckpointConfig, FailureConfig, RunConfig
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.train.v2.api.exceptions import TrainingFailedError
    from ray.util.queue import Queue

    params = training.params
    with cluster.connected(params.train.num_workers):
        check_resources(params, ray.cluster_resources())
        metrics, room = Queue(actor_options={"num_cpus": 0}), HELD_IN_STORE * cluster.object_store_bytes()
        keep = partial(keep_decoded, room=room_on_ray())
        crops = {
            "train": in_object_store(Shards.joined(training.train), room, keep),
            "val": None if training.val is None else in_object_store(training.val, room),
        }
        trainer = TorchTrainer(
            train_worker,
            train_loop_config={
                # Once in the object store, instead of once in every worker's call.
                "training": replace(training, weights=None),
                "weights": ray.put(training.weights),
                "crops": crops,
                "metrics": metrics,
            },
            torch_config=TorchConfig(backend="nccl" if params.train.use_gpu else "gloo"),
            scaling_config=scaling(params),
            # The same name in the same place is how Ray Train is told to go on.
            run_config=RunConfig(
                name=training.key,
                storage_path=storage(),
                failure_config=FailureConfig(max_failures=params.train.max_failures),
                # The last one is kept as well, whatever it brought; of those that brought new best weights the one before too,
                # for the day on which the last is found damaged.
                checkpoint_config=CheckpointConfig(num_to_keep=2, checkpoint_score_attribute=IMPROVED),
            ),
        )
        with listening(metrics, on_metrics), _told(on_stop):
            try:
                result = trainer.fit()
            except TrainingFailedError as error:
                raise ValueError(f"training failed: {first_cause(error)}") from error
        assert result.checkpoint is not None
        with result.checkpoint.as_directory() as folder:
            state = read_state(Path(folder))
        return state, best_of((checkpoint for checkpoint, _ in result.best_checkpoints), state)


@contextmanager
def _told(on_stop: Callable[[], None]) -> Iterator[None]:
    """Calls it as soon as a signal tells this process to end: the main thread waits in Ray then, and hears of it late or never."""
    heard, hears = os.pipe()
    os.set_blocking(hears, False)
    before = signal.set_wakeup_fd(hears, warn_on_full_buffer=False)

    def listen() -> None:
        while number := os.read(heard, 1):
            if number[0] in (signal.SIGINT, signal.SIGTERM):
                on_stop()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(hears)  # which ends the listener
        listener.join()
        os.close(heard)


def first_cause(error: BaseException) -> str:
    """The user's part of a failure in a worker: its last line."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    return str(next(iter(failures.values()))).strip().splitlines()[-1]


@contextmanager
def listening(queue, on_metrics: Callable[[Metrics], None]) -> Iterator[None]:
    """Hands what rank 0 puts into the queue to `on_metrics`, in this process, while the block runs."""
    done = threading.Event()

    def listen() -> None:
        while not done.wait(LISTEN_S):
            take()

    def take() -> None:
        for said in queue.get_nowait_batch(queue.qsize()):
            if isinstance(said, str):
                print(f"train: {said}", flush=True)
            else:
                on_metrics(said)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
    finally:
        done.set()
        listener.join()
        take()
