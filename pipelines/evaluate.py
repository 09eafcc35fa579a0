"""Evaluate: a model on the test faces, under a named protocol.

Reads the model's folder and the shards. Writes errors.parquet (a row per face), metrics.json, ced.csv, landmarks.csv and
report.html. Test faces were never seen in training, nor in choosing the checkpoint.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.images import decode_own
from components.metrics import PROTOCOLS, Protocol, ced, summarise
from components.model import LandmarkModel
from pipelines import command
from pipelines.outputs import whole_file
from pipelines.params import Params, load_params
from pipelines.report import write_report
from pipelines.scoring import load_faces, measure, predict
from pipelines.tables import from_column, write_table

CED_POINTS = 200


def pictures_of(faces: pa.Table) -> Callable[[str], tuple[np.ndarray, np.ndarray]]:
    """Face -> its stored crop (H, W, 3) uint8 RGB, and the affine (2, 3), image px -> crop px."""
    row = {face: i for i, face in enumerate(faces.column("face").to_pylist())}
    affines = from_column(faces, "affine", 2, 3)
    return lambda face: (decode_own(faces.column("pixels")[row[face]].as_buffer()), affines[row[face]])


def write_csv(path: Path, header: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def facts_of(params: Params, training: dict, protocol: Protocol) -> dict[str, str]:
    """What the report says of where its numbers come from; nothing that differs between equal runs."""
    return {
        "recipe": params.name,
        "dataset": f"{params.dataset.folder} ({params.dataset.reader}, {params.dataset.scheme})",
        "box": params.preprocess.box,
        "codec": str(params.codec),
        "network": str(params.network),
        "loss": params.loss.heatmap,
        "training": f"{training['key']}: best of {params.train.evaluations} checkpoints, step {training['best_step']} of "
        f"{training['steps']}, validation NME {training['val_nme']:.2%}",
        "protocol": f"{protocol.name} ({protocol.hash})",
    }


def evaluate(model: Path, crops: Path, params: Params, out: Path) -> None:
    """Runs the stage: the model's folder and a folder of shards -> files in `out`.

    Raises:
        ValueError: Model or shards are missing.
    """
    protocol = PROTOCOLS[params.evaluate.protocol]
    scheme = LandmarkModel.load(model).config.scheme
    training = json.loads((model / "training.json").read_text(encoding="utf-8"))
    faces = load_faces(crops, "test")
    errors = measure(predict(model, faces, "evaluate"), scheme, protocol)
    subsets = errors.column("subsets").to_pylist()
    relative = from_column(errors, "errors", scheme.num_landmarks)
    metrics = summarise(relative, errors.column("normaliser").to_numpy(), subsets, scheme, protocol)
    write_table(errors, out / "errors.parquet")
    write_curves(metrics, errors, out)
    write_report(
        out / "report.html",
        f"heatmark-{params.name}",
        metrics,
        errors,
        pictures_of(faces),
        facts_of(params, training, protocol),
    )
    # Last: its presence says that the others are there. Landmarks one by one would flood `dvc metrics show`.
    brief = {name: value for name, value in metrics.items() if name != "landmarks"}
    with whole_file(out / "metrics.json") as partial:
        partial.write_text(json.dumps({"training": training["key"], **brief}, indent=1) + "\n", encoding="utf-8")
    low, high = metrics["nme_interval"]
    print(
        f"evaluate: NME {metrics['nme']:.2%} (95% interval {low:.2%} to {high:.2%}), "
        f"FR@{protocol.failure_threshold:.0%} {metrics['failure_rate']:.2%}, AUC@{protocol.auc_threshold:.0%} "
        f"{metrics['auc']:.3f} on {len(errors)} test faces: {out / 'report.html'}"
    )


def write_curves(metrics: dict, errors: pa.Table, out: Path) -> None:
    """ced.csv, up to the protocol's threshold, and landmarks.csv, for `dvc plots`."""
    thresholds = np.linspace(0, metrics["protocol"]["auc_threshold"], CED_POINTS + 1)
    shares = ced(errors.column("nme").to_numpy(), thresholds)
    write_csv(out / "ced.csv", ("nme", "share"), zip(thresholds.round(6).tolist(), shares.tolist(), strict=True))
    write_csv(out / "landmarks.csv", ("landmark", "nme"), metrics["landmarks"].items())


def main(model: Path, crops: Path, out: Path, params: Path = Path("params.yaml")) -> None:
    """Measures MODEL on the test faces in CROPS; writes numbers, curves and report to OUT."""
    evaluate(model, crops, load_params(params), out)


if __name__ == "__main__":
    command.run(main)
