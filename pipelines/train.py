"""Train: crops -> a model, the best checkpoint on the validation faces, and its curves.

Reads the shards of all datasets of the recipe and, where it names a model to start from, what is laid down of that in
`data/starts`. Writes the model's folder and curves.csv; keeps checkpoints under `runs/KEY/`, outside any output, where KEY
hashes everything that decides the result: a training that was killed goes on from its last checkpoint by the same command,
in the same MLflow run, and a changed parameter never finds stale weights.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import torch

from components.metrics import PROTOCOLS
from components.model import LandmarkModel
from pipelines.params import Params, load_params
from pipelines.registry import start, tracking
from pipelines.registry.lineage import data_version, datasets_tags, git_commit, training_key
from pipelines.runtime import command
from pipelines.runtime.environment import RUNS
from pipelines.runtime.outputs import alone, whole_folder
from pipelines.runtime.tables import count_rows, write_csv
from pipelines.training.batches import load_crops
from pipelines.training.loop import Plan, State, fit
from pipelines.training.temperature import fit_temperature
from pipelines.training.workers import LocalWorker, Metrics, fit_with_ray, validation_batches

TRAINING = "training.json"
COLUMNS = ["step", "epoch", "loss", "val_nme", "lr"]
FACES_FOR_TEMPERATURE = 500


def progress_of(plan: Plan, params: Params, run: tracking.Run) -> Callable[[Metrics], None]:
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
    """Runs the stage: a folder with a folder of shards for each dataset -> `out`, the model's folder, and `curves`, a CSV file.

    Raises:
        ValueError: Shards or the model to start from are missing, the tracking server is away, or training failed.
    """
    config, parent, key = params.model(), start.load(params), training_key(params, crops)
    held_out = params.sources("val")
    num_val = sum(count_rows(crops / source, "val") for source in held_out)
    if num_val < params.train.num_workers:
        raise ValueError(
            f"{num_val} validation faces are too few for {params.train.num_workers} workers: raise ingest.val_share"
        )
    plan = Plan.of(params, sum(count_rows(crops / source, "train") for source in held_out))
    run = tracking.Run(tracking.connect(), key, params.name)
    print(
        f"train: {plan.total} steps of {params.train.batch_size} faces, training {key}, MLflow run {run.id}", flush=True
    )
    for line in parent.lines:
        print(f"train: {line}", flush=True)
    if not run.new:
        print("train: this training has a run already; going on from its last checkpoint, if there is one", flush=True)
    with alone(RUNS / f"{key}.lock", f"training {key} is running already"), run.running():
        run.log_params(params.model_dump())
        tags = {"data_version": data_version(), "git_commit": git_commit(), **datasets_tags(params), **parent.tags}
        run.set_tags(tags)
        say = progress_of(plan, params, run)
        if params.train.num_workers:
            state = fit_with_ray(params, plan, crops, key, say, parent.weights)
        else:
            state = fit(params, plan, LocalWorker(params, crops, RUNS / key, say), parent.weights)
    model, facts = LandmarkModel(config), {"key": key, **summary(state), **parent.facts}
    model.load_weights(state["best"]["weights"])
    if params.train.fit_temperature:
        model, curve = with_fitted_temperature(model, load_crops(crops, "val", held_out), params)
        facts["val_nme_by_temperature"] = {str(temperature): nme for temperature, nme in curve.items()}
    with whole_folder(out) as partial:
        model.save(partial)
        (partial / TRAINING).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    write_csv(curves, COLUMNS, ([point[name] for name in COLUMNS] for point in state["history"]))
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
    fitted.load_weights(model.weights())
    print(f"train: temperature {best:g} fits the validation faces best: NME {curve[best]:.2%}", flush=True)
    return fitted, curve


def summary(state: State) -> dict:
    """What is worth keeping beside the weights; no times, so that equal trainings give equal files."""
    return {"best_step": state["best"]["step"], "val_nme": state["best"]["val_nme"], "steps": state["step"]}


def main(crops: Path, out: Path, curves: Path, params: Path = Path("params.yaml")) -> None:
    """Trains on the shards in CROPS, in a folder for each dataset; writes the model to OUT and its curves to CURVES."""
    train(crops, load_params(params), out, curves)


if __name__ == "__main__":
    command.run(main)
