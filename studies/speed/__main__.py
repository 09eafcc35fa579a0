"""How fast are targets, decoders, a training step and inference, against plain ways of doing the same?

    python -m studies.speed [OUT] [--recipe recipes/300w_small.yaml] [--crops CROPS] [--faces 16] [--repeats 15] [--steps 5]

Everything runs in this process with one thread; seconds are of CPU, the ways take turns, and a ratio is one of medians
within one run. Plain ways are of this study: a Gaussian drawn for one landmark after the other as in HIH's published
code, numpy decoders that loop over landmarks as in MMPose, a network that sees one face at a time; the plain way beside ONNX
Runtime is torch, both with all faces in batches. Targets and decoders are those of 98 landmarks on 64 x 64 cells; the training
step, which is the training's own loop with clocks around its calls, and inference are the recipe's, on drawn faces or those of
CROPS, shards that preprocess cut by it. "Maps written once" and "maps read once" are what targets and decoders cannot do
without.

How samples are made has a study of its own, data-path. Writes speed.csv and speed.json to OUT.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import pyarrow as pa
import torch
import typer
from rich.console import Console

from pipelines.params import Params, load_params
from pipelines.runtime import command
from studies.inputs.crops import train_crops
from studies.speed.step import step_seconds
from studies.speed.table import Row, show_pairs, show_parts, write
from studies.speed.turns import take_turns
from studies.speed.work import Pair, decoders, inference, targets


def measure_pairs(pairs: dict[str, Pair], num_faces: int, repeats: int) -> list[Row]:
    """Ours and the plain way of each, in turns."""
    ours = {name: pair.ours for name, pair in pairs.items()}
    plain = {name: pair.plain for name, pair in pairs.items() if pair.plain is not None}
    ways = {("ours", name): way for name, way in ours.items()} | {("plain", name): way for name, way in plain.items()}
    seconds = {way: values / num_faces for way, values in take_turns(ways, repeats).items()}
    return [Row.of(name, seconds["ours", name], seconds.get(("plain", name)), pairs[name].goal) for name in pairs]


def measure_step(params: Params, crops: pa.Table, repeats: int, steps: int) -> list[Row]:
    """Each part of the recipe's training step, and its share of the whole."""
    turns = [step_seconds(params, crops, steps) for _ in range(repeats)]
    parts = {part: np.array([turn[part] for turn in turns]) / params.train.batch_size for part in turns[0]}
    whole = sum(float(np.median(values)) for values in parts.values())
    return [Row.part(part, values, whole) for part, values in parts.items()]


def main(
    out: Annotated[Path, typer.Argument(help="Folder for speed.csv and speed.json.")] = Path("reports/speed"),
    recipe: Annotated[Path, typer.Option(help="Of the training step and of inference.")] = Path(
        "recipes/300w_small.yaml"
    ),
    crops: Annotated[Path | None, typer.Option(help="Its shards; without them, faces are drawn.")] = None,
    faces: Annotated[int, typer.Option(help="Of a call, and drawn.", min=1)] = 16,
    repeats: Annotated[int, typer.Option(help="Turns of each way.", min=1)] = 15,
    steps: Annotated[int, typer.Option(help="Of each of a third of as many trainings.", min=1)] = 5,
) -> None:
    """Prints how many times as fast as plain ways Heatmark is, and writes it to OUT."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    params = load_params(recipe)
    stored, console = train_crops(crops, params, faces), Console(width=80, highlight=False)
    work = {**targets(faces), **decoders(faces), **inference(params, stored)}
    pairs = measure_pairs(work, faces, repeats)
    show_pairs(pairs, console)
    parts = measure_step(params, stored, -(-repeats // 3), steps)
    show_parts(parts, console)
    write([*pairs, *parts], out)
    print(f"speed: {out / 'speed.csv'}, {out / 'speed.json'}")


if __name__ == "__main__":
    command.run(main)
