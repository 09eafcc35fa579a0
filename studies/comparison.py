"""Codecs, losses and decoders against each other: the same faces, network, epochs and seeds; differences face by face.

    python -m studies.comparison train artifacts/300w_small/crops runs/comparison
    python -m studies.comparison table artifacts/300w_small/crops runs/comparison

The first trains every variant with every seed, two at a time, one process and one thread each, and writes each model's
errors as it goes; one that is there already is passed over. The second prints the tables of docs/results.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import typer
import yaml

from components.augment import Augment
from components.codecs import DECODERS
from components.geometry import apply, invert
from components.metrics import PROTOCOLS, bootstrap_interval, nme
from components.model import LandmarkModel
from components.schemes import IBUG68
from pipelines.params import load_params
from pipelines.runtime.tables import from_column, read_shards
from pipelines.scoring.predict import Predictor
from pipelines.training.batches import BatchMaker

BASE = Path("recipes/300w_small.yaml")
SEEDS = (0, 1)
SUBPIXEL = {"name": "subpixel", "stride": 4, "sigma": 1.5, "window": 5, "temperature": 10.0}
SHARP = {"name": "subpixel", "stride": 4, "sigma": 0.8, "window": 7, "decoder": "expectation"}
HIH = {"name": "hih", "stride": 4, "sigma": 1.5, "decimal": 8, "decimal_sigma": 1.0}
MSE, CE = {"heatmap": "mse"}, {"heatmap": "cross_entropy"}
EPOCHS = 50

# What differs from the base. A step on two views and their consistency takes two to three times as long (studies/siamese.py):
# "equal time" has half the epochs with MSE, two fifths with cross-entropy, whose maps are read by a softmax first.
VARIANTS: dict[str, dict[str, Any]] = {
    "rounded, MSE": {"codec": {"name": "rounded", "stride": 4, "sigma": 1.5}, "loss": MSE},
    "hih released, MSE": {"codec": {**HIH, "bins": "released"}, "loss": MSE},
    "hih floor, MSE": {"codec": {**HIH, "bins": "floor"}, "loss": MSE},
    "subpixel, MSE": {"codec": SUBPIXEL, "loss": MSE, "train": {"fit_temperature": True}},
    "subpixel, cross-entropy": {"codec": SHARP, "loss": CE},
    "subpixel, MSE, Siamese, equal steps": {
        "codec": SUBPIXEL, "loss": {**MSE, "siamese_weight": 1.0}, "train": {"fit_temperature": True},
    },
    "subpixel, MSE, Siamese, equal time": {
        "codec": SUBPIXEL, "loss": {**MSE, "siamese_weight": 1.0},
        "train": {"fit_temperature": True, "epochs": EPOCHS // 2},
    },
    "subpixel, cross-entropy, Siamese, equal steps": {"codec": SHARP, "loss": {**CE, "siamese_weight": 1.0}},
    "subpixel, cross-entropy, Siamese, equal time": {
        "codec": SHARP, "loss": {**CE, "siamese_weight": 1.0}, "train": {"epochs": EPOCHS * 2 // 5},
    },
    "hih floor, cross-entropy": {"codec": {**HIH, "bins": "floor", "sigma": 0.8}, "loss": CE},
}  # fmt: skip

PAIRS = [
    ("hih floor, MSE", "hih released, MSE"),
    ("hih floor, MSE", "subpixel, MSE"),
    ("hih floor, cross-entropy", "subpixel, cross-entropy"),
    ("subpixel, cross-entropy", "subpixel, MSE"),
    ("subpixel, MSE, Siamese, equal steps", "subpixel, MSE"),
    ("subpixel, MSE, Siamese, equal time", "subpixel, MSE"),
    ("subpixel, cross-entropy, Siamese, equal steps", "subpixel, cross-entropy"),
    ("subpixel, cross-entropy, Siamese, equal time", "subpixel, cross-entropy"),
]
READ_BY = {
    "subpixel, MSE": sorted(DECODERS),
    "subpixel, cross-entropy": sorted(DECODERS),
    "rounded, MSE": sorted(DECODERS),
    "hih floor, MSE": ["argmax", "expectation"],
    "hih floor, cross-entropy": ["argmax", "expectation"],
}

app = typer.Typer(add_completion=False)


def folder_of(out: Path, variant: str, seed: int) -> Path:
    return out / f"{variant.replace(', ', '_').replace(' ', '_').replace('-', '_')}_{seed}"


def recipe(variant: str, seed: int) -> dict[str, Any]:
    """The base with the variant's changes; a codec is replaced whole."""
    fields = load_params(BASE).model_dump()
    changes = VARIANTS[variant]
    fields["codec"] = changes["codec"]
    fields["loss"].update(changes["loss"])
    fields["train"].update({"epochs": EPOCHS, "num_workers": 0, "seed": seed, **changes.get("train", {})})
    return fields


def train_one(variant: str, seed: int, crops: Path, out: Path) -> None:
    """Trains in a process of its own, then predicts the test faces."""
    folder = folder_of(out, variant, seed)
    if (folder / "predicted.npy").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(recipe(variant, seed)), encoding="utf-8")
    began = time.monotonic()
    words = [
        "-m",
        "pipelines.train",
        crops,
        folder / "model",
        folder / "curves.csv",
        "--params",
        folder / "params.yaml",
    ]
    with (folder / "log.txt").open("w") as log:
        subprocess.run([sys.executable, *map(str, words)], check=True, stdout=log, stderr=subprocess.STDOUT)
    (folder / "seconds.json").write_text(json.dumps(time.monotonic() - began))
    table = Predictor(str(folder / "model"))(read_shards(crops, "test"))
    np.save(folder / "predicted.npy", from_column(table, "predicted", 68, 2))
    print(f"comparison: {variant}, seed {seed}: {time.monotonic() - began:.0f} s", flush=True)


@app.command()
def train(crops: Path, out: Path, at_once: int = 2) -> None:
    """Trains all variants on the shards in CROPS; writes to OUT."""
    torch.set_num_threads(1)
    with ThreadPoolExecutor(at_once) as pool:
        jobs = [pool.submit(train_one, variant, seed, crops, out) for seed in SEEDS for variant in VARIANTS]
        for job in jobs:
            job.result()


def errors_of(predicted: np.ndarray, faces: pa.Table) -> np.ndarray:
    """NME per face, in per cent."""
    truth = from_column(faces, "landmarks", 68, 2)
    return 100 * nme(predicted, truth, PROTOCOLS["inter_ocular"].normalise(truth, IBUG68))


@app.command()
def table(crops: Path, out: Path, against: str = "rounded, MSE") -> None:
    """Prints what was measured as Markdown: each variant, and its difference from one of them, face by face."""
    faces = read_shards(crops, "test")
    base = [errors_of(np.load(folder_of(out, against, seed) / "predicted.npy"), faces) for seed in SEEDS]
    print(f"| variant | NME, seeds {' and '.join(map(str, SEEDS))} | mean (95%) | minus {against} (95%) | disagreement of two views | training |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- |")
    for variant in VARIANTS:
        folders = [folder_of(out, variant, seed) for seed in SEEDS]
        if not all((folder / "predicted.npy").exists() for folder in folders):
            continue
        errors = [errors_of(np.load(folder / "predicted.npy"), faces) for folder in folders]
        seconds = np.mean([json.loads((folder / "seconds.json").read_text()) for folder in folders])
        apart = np.mean([disagreement(LandmarkModel.load(folder / "model"), crops) for folder in folders])
        each = ", ".join(f"{e.mean():.2f}%" for e in errors)
        print(
            f"| {variant} | {each} | {with_interval(np.mean(errors, 0))} | "
            f"{with_interval(np.mean(errors, 0) - np.mean(base, 0))} | {apart:.2f}% | {seconds:.0f} s |"
        )
    print("\n| difference, face by face | NME (95%) |\n| --- | --- |")
    for one, other in PAIRS:
        difference = mean_errors(one, out, faces) - mean_errors(other, out, faces)
        print(f"| {one} minus {other} | {with_interval(difference)} |")
    decoders(crops, out)


def mean_errors(variant: str, out: Path, faces: pa.Table) -> np.ndarray:
    """NME per face, in per cent, the mean over the seeds."""
    predicted = [np.load(folder_of(out, variant, seed) / "predicted.npy") for seed in SEEDS]
    return np.mean([errors_of(each, faces) for each in predicted], axis=0)


def with_interval(values: np.ndarray) -> str:
    low, high = bootstrap_interval(values)
    return f"{values.mean():.2f}% ({low:.2f}% to {high:.2f}%)"


def decoders(crops: Path, out: Path) -> None:
    """One trained network for each row, read by every decoder of its codec."""
    faces = read_shards(crops, "test")
    print("\n| network | decoder | NME (95%), mean of the seeds |\n| --- | --- | --- |")
    for variant, names in READ_BY.items():
        for decoder in names:
            errors = [read_again(folder_of(out, variant, seed) / "model", decoder, faces) for seed in SEEDS]
            print(f"| {variant} | {decoder} | {with_interval(np.mean(errors, 0))} |")


def read_again(model: Path, decoder: str, faces: pa.Table) -> np.ndarray:
    """NME per face, in per cent, of a model read by another decoder than its own."""
    predictor = Predictor(str(model))
    config = predictor.model.config
    predictor.model.config = replace(config, codec=replace(config.codec, decoder=decoder))
    return errors_of(from_column(predictor(faces), "predicted", 68, 2), faces)


@torch.no_grad()
def disagreement(model: LandmarkModel, crops: Path) -> float:
    """Mean distance between what two views of a test face say of it, in per cent of the inter-ocular distance."""
    faces, config = read_shards(crops, "test"), model.config
    views = Augment(flip=0.5, rotate=1, rotate_deg=20, scale=0.15, move=1, shift=0.05, colour=0, blur=0, occlude=0)
    maker = BatchMaker(config.codec, views, config.scheme, seed=0, batch_size=len(faces), num_views=2)
    batch, rows = maker.make(0, faces), maker.faces(0, len(faces))
    found, _ = model.predict_crops(batch["pixels"].transpose(0, 2, 3, 1))
    ordered = np.where(batch["flipped"][:, None, None], found[:, list(config.scheme.flip)], found)
    side = config.codec.crop
    face = (apply(invert(batch["back"].astype(np.float64)), (2 * ordered + 1) / side - 1) + 1) * side / 2
    plain = maker.plain(faces)["landmarks"][rows]
    normaliser = PROTOCOLS["inter_ocular"].normalise(plain, config.scheme)
    return float(100 * nme(face[0::2], face[1::2], normaliser).mean())


if __name__ == "__main__":
    app()
