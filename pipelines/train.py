"""Train: crops -> a model, the best checkpoint on the validation faces, and its curves.

Reads the shards of all datasets of the recipe and, where it names a model to start from, what is laid down of that in
`data/starts`. Writes the model's folder and curves.csv; keeps checkpoints under `runs/KEY/`, outside any output, where KEY
hashes everything that decides the result: a training that was killed goes on from its last checkpoint by the same command,
in the same MLflow run, and a changed parameter never finds stale weights.

With `train.refit` a second training, with checkpoints under `runs/KEY-refit/`, takes the validation faces in: of the same
epochs, ended where the first one's best checkpoint was. Its weights are the model's; curves, validation NME, temperature,
mirror offset and expected errors are the first one's, since nothing is left to measure the second on. Validation NME is always
that of the network before any of them was fitted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from components.model import LandmarkModel
from pipelines.own_crops import check_crops
from pipelines.params import Params, load_params
from pipelines.registry import learnt, start, tracking
from pipelines.registry.lineage import data_version, datasets_tags, git_commit, training_key
from pipelines.runtime import command, neighbours
from pipelines.runtime.environment import RUNS
from pipelines.runtime.outputs import in_turn, whole_folder
from pipelines.runtime.tables import write_csv
from pipelines.training.checkpoints import State
from pipelines.training.crops import Shards
from pipelines.training.expected_error import with_expected_error
from pipelines.training.loop import HISTORY, Plan
from pipelines.training.mirror_offset import with_mirror_offset
from pipelines.training.ray_workers import fit_with_ray
from pipelines.training.temperature import with_fitted_temperature
from pipelines.training.workers import Metrics, Training, fit_here, shards_of


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
        ValueError: Shards or the model to start from are missing, or of another recipe; the tracking server is away, or training failed.
    """
    for split in ("train", "val"):
        check_crops(crops, split, params)
    config, parent, key = params.model(), start.load(params), training_key(params, crops)
    training = Training.of(params, crops, key, parent.weights)
    assert training.val is not None
    if training.val.num_rows < params.train.num_workers:
        raise ValueError(
            f"{training.val.num_rows} validation faces are too few for {params.train.num_workers} workers: "
            "raise ingest.val_share"
        )
    with tracking.answering():
        run = tracking.Run(tracking.connect(), key, params.name)
    print(
        f"train: {training.plan.total} steps of {params.train.batch_size} faces, training {key}, MLflow run {run.id}",
        flush=True,
    )
    for line in parent.lines:
        print(f"train: {line}", flush=True)
    if not run.new:
        print("train: this training has a run already; going on from its last checkpoint, if there is one", flush=True)
    with in_turn(RUNS / f"{key}.lock", lambda: elsewhere(key)), run.running():
        tags = {"data_version": data_version(), "git_commit": git_commit(), "trained_on": trained_on(params, parent)}
        with tracking.answering():
            run.log_params(params.model_dump())
            run.set_tags({**tags, **datasets_tags(params), **parent.tags})
        fit = partial(fit_with_ray, on_stop=run.stopped) if params.train.num_workers else fit_here
        state, weights = fit(training, progress_of(training, run))
        model = LandmarkModel(config)
        facts = {"key": key, **summary(state), "trained_on": trained_on(params, parent), **parent.facts}
        facts |= learnt.facts(params, start.folder_of(params.name) if parent.start else None)
        model.load_weights(weights)
        if params.train.fit_temperature:
            model, curve = with_fitted_temperature(model, training.val, params)
            facts["val_nme_by_temperature"] = {str(temperature): nme for temperature, nme in curve.items()}
        if params.train.fit_mirror_offset:
            model = with_mirror_offset(model, training.val, params)
            facts["mirror_offset"] = model.config.mirror_offset
        model = with_expected_error(model, training.val, params)
        if params.train.refit:
            second = refit(training, crops, state)
            num_faces = Shards.joined(second.train).num_rows
            print(f"train: refit: {second.plan.end} steps, of {num_faces} faces, those of val too", flush=True)
            last, weights = fit(second, progress_of(second, run, "refit"))
            model.load_weights(weights)
            facts["refit_steps"] = last["step"]
    with whole_folder(out) as folder:
        model.save(folder)
        (folder / learnt.TRAINING).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    write_csv(curves, HISTORY, ([point[name] for name in HISTORY] for point in state["history"]))
    best = state["best"]
    print(f"train: best validation NME {best['val_nme']:.2%}, at step {best['step']} of {training.plan.total}: {out}")


def elsewhere(key: str) -> str:
    """What to say while another process makes this training: one that a killed retraining has left, or somebody's own."""
    who = neighbours.holding(RUNS / f"{key}.lock")
    stop = f"; `kill {who[0]}` ends it, and this goes on from its last checkpoint" if who else ""
    return f"train: training {key} is running already: waiting for {neighbours.names(who)}{stop}"


def refit(first: Training, crops: Path, state: State) -> Training:
    """The training on the validation faces too that follows a finished one, ended where that one was best."""
    faces, val = (shards_of(crops, first.params, split) for split in ("train", "val"))
    both = {name: Shards.joined([part, val[name]] if name in val else [part]) for name, part in faces.items()}
    plan = Plan.of(first.params, sum(both[name].num_rows for name in val))
    stopped = plan.stopped(state["best"]["step"] / first.plan.total)
    return replace(first, key=f"{first.key}-refit", plan=stopped, train=tuple(both.values()), val=None)


def trained_on(params: Params, parent: start.Loaded) -> str:
    """The splits whose faces have made the weights; after them those of the model that it started from."""
    own, before = "train and val" if params.train.refit else "train", parent.start.trained_on if parent.start else ""
    return f"{own}, after {before}" if before else own


def summary(state: State) -> dict:
    """What is worth keeping beside the weights; no times, so that equal trainings give equal files."""
    return {"best_step": state["best"]["step"], "val_nme": state["best"]["val_nme"], "steps": state["step"]}


def main(crops: Path, out: Path, curves: Path, params: Path = Path("params.yaml")) -> None:
    """Trains on the shards in CROPS, in a folder for each dataset; writes the model to OUT and its curves to CURVES."""
    train(crops, load_params(params), out, curves)


if __name__ == "__main__":
    command.run(main)
