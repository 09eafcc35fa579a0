"""Train: crops -> a model, the best checkpoint on the validation faces, and its curves.

Reads the shards of all datasets of the recipe and, where it names a model to start from, what is laid down of that in
`data/starts`. Writes the model's folder and curves.csv; keeps checkpoints under `runs/KEY/`, outside any output, where KEY
hashes everything that decides the result: a training that was killed goes on from its last checkpoint by the same command,
in the same MLflow run, and a changed parameter never finds stale weights.

With `train.refit` a second training, with checkpoints under `runs/KEY-refit/`, takes the validation faces in: of the same
epochs, ended where the first one's best checkpoint was. Its weights are the model's; curves, validation NME and temperature
are the first one's, since nothing is left to measure the second on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from components.metrics import PROTOCOLS
from components.model import LandmarkModel
from pipelines.params import Params, load_params
from pipelines.registry import start, tracking
from pipelines.registry.lineage import data_version, datasets_tags, git_commit, training_key
from pipelines.runtime import command
from pipelines.runtime.environment import RUNS
from pipelines.runtime.outputs import alone, whole_folder
from pipelines.runtime.tables import write_csv
from pipelines.training.checkpoints import State
from pipelines.training.crops import Shards
from pipelines.training.loop import Plan
from pipelines.training.ray_workers import fit_with_ray
from pipelines.training.temperature import fit_temperature
from pipelines.training.validation import validation_batches
from pipelines.training.workers import Metrics, Training, fit_here

TRAINING = "training.json"
COLUMNS = ["step", "epoch", "loss", "val_nme", "lr"]
FACES_FOR_TEMPERATURE = 500


def progress_of(training: Training, run: tracking.Run, what: str = "") -> Callable[[Metrics], None]:
    """Says and logs each evaluation, and how long the rest will take at the pace since this driver began.

    Args:
        training: That is under way.
        run: Where points of the curves go.
        what: It is, beside the run's main training: before its lines, and before its curves' names.
    """
    began, first, end = time.monotonic(), 0, training.plan.end
    title, prefix = (f"train: {what}:", f"{what}_") if what else ("train:", "")

    def say(metrics: Metrics) -> None:
        nonlocal began, first
        step, from_step = int(metrics["step"]), int(metrics["from_step"])
        if from_step != first:
            print(f"{title} resumed from the checkpoint at step {from_step}", flush=True)
            began, first = time.monotonic(), from_step
        points = {name: value for name, value in metrics.items() if name not in ("step", "from_step")}
        run.log_point({prefix + name: value for name, value in points.items()}, step)
        left = (time.monotonic() - began) * (end - step) / max(1, step - first)
        measured = f"val NME {metrics['val_nme']:.2%}, " if "val_nme" in metrics else ""
        print(
            f"{title} epoch {metrics['epoch']:.4g}/{training.params.train.epochs}, loss {metrics['loss']:.4g}, {measured}"
            f"{metrics['faces_per_s']:.0f} faces/s ({metrics['faces_per_s_overall']:.0f} overall), {left:.0f} s left",
            flush=True,
        )

    return say


def train(crops: Path, params: Params, out: Path, curves: Path) -> None:
    """Runs the stage: a folder with a folder of shards for each dataset -> `out`, the model's folder, and `curves`, a CSV file.

    Raises:
        ValueError: Shards or the model to start from are missing, the tracking server is away, or training failed.
    """
    config, parent, key = params.model(), start.load(params), training_key(params, crops)
    faces, val = shards_of(crops, params, "train"), shards_of(crops, params, "val")
    num_val = sum(part.num_rows for part in val.values())
    if num_val < params.train.num_workers:
        raise ValueError(
            f"{num_val} validation faces are too few for {params.train.num_workers} workers: raise ingest.val_share"
        )
    plan = Plan.of(params, sum(faces[name].num_rows for name in val))
    training = Training(key, params, plan, tuple(faces.values()), Shards.joined(val.values()), parent.weights)
    run = tracking.Run(tracking.connect(), key, params.name)
    print(
        f"train: {training.plan.total} steps of {params.train.batch_size} faces, training {key}, MLflow run {run.id}",
        flush=True,
    )
    for line in parent.lines:
        print(f"train: {line}", flush=True)
    if not run.new:
        print("train: this training has a run already; going on from its last checkpoint, if there is one", flush=True)
    with alone(RUNS / f"{key}.lock", f"training {key} is running already"), run.running():
        run.log_params(params.model_dump())
        tags = {"data_version": data_version(), "git_commit": git_commit(), "trained_on": trained_on(params)}
        run.set_tags({**tags, **datasets_tags(params), **parent.tags})
        fit = fit_with_ray if params.train.num_workers else fit_here
        state, weights = fit(training, progress_of(training, run))
        model = LandmarkModel(config)
        facts = {"key": key, **summary(state), "trained_on": trained_on(params), **parent.facts}
        model.load_weights(weights)
        if params.train.fit_temperature:
            model, curve = with_fitted_temperature(model, Shards.joined(val.values()), params)
            facts["val_nme_by_temperature"] = {str(temperature): nme for temperature, nme in curve.items()}
        if params.train.refit:
            second = refit(training, faces, val, state)
            num_faces = Shards.joined(second.train).num_rows
            print(f"train: refit: {second.plan.end} steps, of {num_faces} faces, those of val too", flush=True)
            last, weights = fit(second, progress_of(second, run, "refit"))
            model.load_weights(weights)
            facts["refit_steps"] = last["step"]
    with whole_folder(out) as partial:
        model.save(partial)
        (partial / TRAINING).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    write_csv(curves, COLUMNS, ([point[name] for name in COLUMNS] for point in state["history"]))
    best = state["best"]
    print(f"train: best validation NME {best['val_nme']:.2%}, at step {best['step']} of {training.plan.total}: {out}")


def shards_of(crops: Path, params: Params, split: str) -> dict[str, Shards]:
    """Those of each source that has the split, in the recipe's order."""
    return {name: Shards.of(crops / name, split) for name in params.sources(split)}


def refit(first: Training, faces: dict[str, Shards], val: dict[str, Shards], state: State) -> Training:
    """The training on the validation faces too that follows a finished one, ended where that one was best."""
    both = {name: Shards.joined([part, val[name]] if name in val else [part]) for name, part in faces.items()}
    plan = Plan.of(first.params, sum(both[name].num_rows for name in val))
    stopped = plan.stopped(state["best"]["step"] / first.plan.total)
    return replace(first, key=f"{first.key}-refit", plan=stopped, train=tuple(both.values()), val=None)


def trained_on(params: Params) -> str:
    """The splits whose faces have made the weights."""
    return "train and val" if params.train.refit else "train"


def with_fitted_temperature(
    model: LandmarkModel, val: Shards, params: Params
) -> tuple[LandmarkModel, dict[float, float]]:
    """The same network, read at the temperature that suits the validation faces best; and the NME at each."""
    # Evenly spread ones are enough for one number; on a CPU, a large network takes a second for each.
    step = max(1, val.num_rows // FACES_FOR_TEMPERATURE)
    device = torch.device("cuda" if params.train.use_gpu and torch.cuda.is_available() else "cpu")
    batches = validation_batches(params, val.opened(), 0, step)
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
