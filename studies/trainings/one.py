"""One training in this process: FOLDER/params.yaml and crops -> FOLDER/model, curves.csv, predicted.npy, seconds.json.

    python -m studies.trainings.one CROPS FOLDER

What `pipelines.train` trains in one process, to the bit, but nothing is logged or registered. Checkpoints lie under
`runs/KEY/`, as of any training: one that was cut short goes on from the last.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from components.model import WEIGHTS, LandmarkModel
from components.model_file import Weights, sha256
from pipelines.params import Params, load_params
from pipelines.registry.compatible import compare
from pipelines.registry.lineage import training_key
from pipelines.runtime import command
from pipelines.runtime.environment import RUNS
from pipelines.runtime.outputs import alone
from pipelines.runtime.tables import from_column, write_csv
from pipelines.scoring.predict import BATCH, Predictor
from pipelines.training.expected_error import with_expected_error
from pipelines.training.loop import HISTORY
from pipelines.training.mirror_offset import with_mirror_offset
from pipelines.training.temperature import with_fitted_temperature
from pipelines.training.workers import Metrics, Training, fit_here
from studies.inputs.crops import read_crops

PARAMS, MODEL, CURVES, PREDICTED, SECONDS = "params.yaml", "model", "curves.csv", "predicted.npy", "seconds.json"
SAID = ("step", "epoch", "loss", "val_nme", "faces_per_s", "faces_per_s_overall")


def train(crops: Path, folder: Path) -> None:
    """Trains by the recipe in the folder, then predicts the test faces.

    Raises:
        ValueError: The recipe asks for more than one process, the model to start from does not fit, or the training failed.
    """
    began, params = time.monotonic(), load_params(folder / PARAMS)
    if params.train.num_workers or params.train.refit:
        raise ValueError("a study trains in one process, on the training faces alone: train.num_workers 0, no refit")
    key = training_key(params, crops) + start_key(params)
    training = Training.of(params, crops, key, start_weights(params))
    assert training.val is not None
    reported: list[Metrics] = []
    with alone(RUNS / f"{key}.lock", f"training {key} is running already"):
        state, weights = fit_here(training, lambda metrics: say(metrics, reported))
    model = LandmarkModel(params.model())
    model.load_weights(weights)
    if params.train.fit_temperature:
        model, _ = with_fitted_temperature(model, training.val, params)
    if params.train.fit_mirror_offset:
        model = with_mirror_offset(model, training.val, params)
    model = with_expected_error(model, training.val, params)
    (folder / MODEL).mkdir()
    model.save(folder / MODEL)
    write_csv(folder / CURVES, HISTORY, ([point[name] for name in HISTORY] for point in state["history"]))
    whole = bool(reported) and reported[0]["from_step"] == 0
    (folder / SECONDS).write_text(json.dumps(time.monotonic() - began if whole else None), encoding="utf-8")
    table = predict_each(Predictor(str(folder / MODEL)), read_crops(crops, "test", params))
    np.save(folder / PREDICTED, from_column(table, "predicted", params.model().scheme.num_landmarks, 2))


def say(metrics: Metrics, reported: list[Metrics]) -> None:
    reported.append(metrics)
    print(", ".join(f"{name} {metrics[name]:.6g}" for name in SAID), flush=True)


def start_weights(params: Params) -> Weights | None:
    """Those of the model in the folder that the recipe starts from; None for new ones.

    Raises:
        ValueError: It is none, or does not fit.
    """
    if not params.train.start_from:
        return None
    parent = LandmarkModel.load(Path(params.train.start_from))
    for line in compare(params.train.start_from, parent.config, params.model()):
        print(line, flush=True)
    return parent.weights()


def start_key(params: Params) -> str:
    """What the training's key says of the model that it starts from, which is not laid down for the pipeline."""
    return f"-{sha256(Path(params.train.start_from) / WEIGHTS)[:16]}" if params.train.start_from else ""


def predict_each(predictor: Predictor, faces: pa.Table) -> pa.Table:
    """Rows of `prediction_schema`, in this process, some faces at a time."""
    return pa.concat_tables([predictor.predict(faces.slice(first, BATCH)) for first in range(0, len(faces), BATCH)])


def main(crops: Path, folder: Path) -> None:
    """Trains by FOLDER/params.yaml on the shards in CROPS; writes to FOLDER."""
    torch.set_num_threads(1)
    train(crops, folder)


if __name__ == "__main__":
    command.run(main)
