"""Train: crops -> a model, the best checkpoint on the validation faces, and its curves.

Reads a folder of shards. Writes the model's folder and curves.csv; keeps checkpoints under `runs/KEY/`, outside any
output, where KEY hashes everything that decides the result: a training that was killed goes on from its last checkpoint
by the same command, in the same MLflow run, and a changed parameter never finds stale weights.
"""

from __future__ import annotations

import csv
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from components.augment import NO_AUGMENT
from components.metrics import PROTOCOLS
from components.model import LandmarkModel
from pipelines import cluster, command, tracking
from pipelines.batches import Batch, BatchMaker, load_crops, local_batches, ray_batches
from pipelines.environment import RUNS, storage
from pipelines.lineage import data_version, git_commit, training_key
from pipelines.loop import Plan, State, fit
from pipelines.outputs import alone, whole_file, whole_folder
from pipelines.params import Params, load_params
from pipelines.temperature import fit_temperature

CHECKPOINT, TRAINING = "state.pt", "training.json"
COLUMNS = ["step", "epoch", "loss", "val_nme", "lr"]
Metrics = dict[str, float]
VALIDATION_BATCH = 64
FACES_FOR_TEMPERATURE = 500


def batch_maker(params: Params, rank: int, world: int) -> BatchMaker:
    """The maker of one worker's batches."""
    config, train = params.model(), params.train
    num_views = params.objective().num_views
    return BatchMaker(config.codec, params.views(), config.scheme, train.seed, train.batch_size, num_views, rank, world)


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
        self.train, self.val = load_crops(crops, "train"), load_crops(crops, "val")

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        return local_batches(batch_maker(self.params, 0, 1), self.train, first, last)

    def validation(self) -> Iterator[Batch]:
        return validation_batches(self.params, self.val, 0, 1)

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

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        cluster.quiet()
        return ray_batches(batch_maker(self.params, self.rank, self.world), self.references["train"], first, last)

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
    params: Params = config["params"]
    fit(params, config["plan"], RayWorker(config))


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


def fit_with_ray(params: Params, plan: Plan, crops: Path, key: str, on_metrics: Callable[[Metrics], None]) -> State:
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
        references = {split: ray.put(load_crops(crops, split)) for split in ("train", "val")}
        trainer = TorchTrainer(
            train_worker,
            train_loop_config={"params": params, "plan": plan, "references": references, "metrics": metrics},
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


def sayer(plan: Plan, params: Params, run: tracking.Run) -> Callable[[Metrics], None]:
    """Says and logs each evaluation, and how long the rest will take at the pace since this driver began."""
    began, first = time.monotonic(), 0

    def say(metrics: Metrics) -> None:
        nonlocal began, first
        step, from_step = int(metrics["step"]), int(metrics["from_step"])
        if from_step != first:
            print(f"train: resumed from the checkpoint at step {from_step}", flush=True)
            began, first = time.monotonic(), from_step
        run.log_point({name: value for name, value in metrics.items() if name not in ("step", "from_step")}, step)
        left = (time.monotonic() - began) * (plan.total - step) / max(1, step - first)
        print(
            f"train: epoch {metrics['epoch']:.4g}/{params.train.epochs}, loss {metrics['loss']:.4g}, "
            f"val NME {metrics['val_nme']:.2%}, {metrics['faces_per_s']:.0f} faces/s, {left:.0f} s left",
            flush=True,
        )

    return say


def train(crops: Path, params: Params, out: Path, curves: Path) -> None:
    """Runs the stage: a folder of shards -> `out`, the model's folder, and `curves`, a CSV file.

    Raises:
        ValueError: Shards are missing, the tracking server is away, or training failed.
    """
    config, key = params.model(), training_key(params, crops)
    num_val = load_crops(crops, "val").num_rows
    if num_val < params.train.num_workers:
        raise ValueError(
            f"{num_val} validation faces are too few for {params.train.num_workers} workers: raise ingest.val_share"
        )
    plan = Plan.of(params, load_crops(crops, "train").num_rows)
    run = tracking.Run(tracking.connect(), key, params.name)
    print(
        f"train: {plan.total} steps of {params.train.batch_size} faces, training {key}, MLflow run {run.id}", flush=True
    )
    if not run.new:
        print("train: this training has a run already; going on from its last checkpoint, if there is one", flush=True)
    with alone(RUNS / f"{key}.lock", f"training {key} is running already"), run.running():
        run.log_params(params.model_dump())
        run.set_tags({"data_version": data_version(), "git_commit": git_commit()})
        say = sayer(plan, params, run)
        if params.train.num_workers:
            state = fit_with_ray(params, plan, crops, key, say)
        else:
            state = fit(params, plan, LocalWorker(params, crops, RUNS / key, say))
    model, facts = LandmarkModel(config), {"key": key, **summary(state)}
    model.network.load_state_dict(state["best"]["weights"])
    if params.train.fit_temperature:
        model, curve = with_fitted_temperature(model, load_crops(crops, "val"), params)
        facts["val_nme_by_temperature"] = {str(temperature): nme for temperature, nme in curve.items()}
    with whole_folder(out) as partial:
        model.save(partial)
        (partial / TRAINING).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    with whole_file(curves) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(state["history"])
    best = state["best"]
    print(f"train: best validation NME {best['val_nme']:.2%}, at step {best['step']} of {plan.total}: {out}")


def with_fitted_temperature(
    model: LandmarkModel, faces: pa.Table, params: Params
) -> tuple[LandmarkModel, dict[float, float]]:
    """The same network, read at the temperature that suits the validation faces best; and the NME at each."""
    # Evenly spread ones are enough for one number; on a CPU, a large network takes a second for each.
    step = max(1, len(faces) // FACES_FOR_TEMPERATURE)
    device = torch.device("cuda" if params.train.use_gpu and torch.cuda.is_available() else "cpu")
    batches = validation_batches(params, faces, 0, step)
    best, curve = fit_temperature(model.to(device), batches, PROTOCOLS[params.evaluate.protocol])
    codec = replace(model.config.codec, temperature=best)
    fitted = LandmarkModel(replace(model.config, codec=codec))
    fitted.network.load_state_dict(model.network.state_dict())
    print(f"train: temperature {best:g} fits the validation faces best: NME {curve[best]:.2%}", flush=True)
    return fitted, curve


def summary(state: State) -> dict:
    """What is worth keeping beside the weights; no times, so that equal trainings give equal files."""
    return {"best_step": state["best"]["step"], "val_nme": state["best"]["val_nme"], "steps": state["step"]}


def main(crops: Path, out: Path, curves: Path, params: Path = Path("params.yaml")) -> None:
    """Trains on the shards in CROPS; writes the model to OUT and its curves to CURVES."""
    train(crops, load_params(params), out, curves)


if __name__ == "__main__":
    command.run(main)
