"""How fast do stored crops become batches, against a plain loader of picture files?

    python -m studies.data_path [--recipe recipes/hih_b_wflw.yaml] [--crops CROPS] [--faces 128] [--repeats 9] [--batch 32] [--ray]

Both sides see the same faces, drawn ones or those of CROPS, the shards that preprocess cut by the recipe. By the default
recipe they have 98 landmarks, crops of 256 px, HIH's targets (64 x 64 and 8 x 8) and the same kinds of augmentation. Both
run in this process with one thread each and take turns; a rate is faces per second of CPU time, its median and quartiles
over the repeats, and a ratio is one of medians. Reading the Parquet file, which a training does once, is part of each of
Heatmark's turns, but for "kept": there the pixels were decoded once, as a training does where they fit into memory. At
HIH's own batch of 16 the plain loader is a tenth or more faster: its stacked maps are then small enough for the C library
to use the same memory again.

The plain loader (`plain.py`) is written from what is published of HIH's training, and keeps to its augmentation whatever
the recipe says. It has all its pictures decoded in memory, and the ratios are to that; "from files" it opens one for each
face, as published. It reads plain crops; Heatmark reads larger ones, with room for the augmentation.

Heatmark's batch ends in uint8 pixels and compact targets, because the device that trains normalises and renders them.
The line "and rendered" does both on this CPU core as well, so that the tensors are those of the plain loader.

With --ray it also measures what Ray Data adds to an epoch. Ray makes batches beside the training, on other cores, so
its own share is taken from batches that cost nothing to make.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import cv2
import torch
import typer
from rich.console import Console

from pipelines.params import load_params
from pipelines.runtime import command
from studies.data_path.loaders import Loaders
from studies.data_path.rates import KEPT, OURS, epoch_seconds, ratio, show_rates, show_stages, stage_seconds
from studies.data_path.through_ray import show_ray
from studies.inputs.crops import train_crops
from studies.inputs.recipe import Changes, with_changes


def main(
    recipe: Annotated[Path, typer.Option(help="Sizes, codec and augmentation.")] = Path("recipes/hih_b_wflw.yaml"),
    crops: Annotated[Path | None, typer.Option(help="Its shards; without them, faces are drawn.")] = None,
    faces: Annotated[int, typer.Option(help="How many; whole batches are used.", min=1)] = 128,
    repeats: Annotated[int, typer.Option(help="Turns of each side.", min=1)] = 9,
    batch: Annotated[int, typer.Option(help="Faces per batch.", min=1)] = 32,
    goal: Annotated[float, typer.Option(help="How many times the plain loader's rate it must be.", min=0)] = 3.5,
    kept_goal: Annotated[float, typer.Option(help="The same, where decoded pixels are kept.", min=0)] = 8.0,
    ray: Annotated[bool, typer.Option("--ray", help="Also measure what Ray adds to an epoch.")] = False,
) -> None:
    """Measures the way from stored crops to batches against a plain loader; exits with 1 below the goal."""
    if faces < batch:
        raise ValueError(f"{faces} faces are less than a batch of {batch}")
    # One worker, whose batches are whole, and one view, as the plain loader has it.
    changes: Changes = {
        "train": {"batch_size": batch, "num_workers": 0, "seed": 0},
        "loss": {"num_views": 1, "siamese_weight": 0.0},
    }
    params = with_changes(load_params(recipe), changes)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    console = Console(width=80, highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        loaders = Loaders.of(train_crops(crops, params, faces), Path(folder), params)
        seconds = epoch_seconds(loaders, repeats)
        show_rates(loaders, seconds, console)
        ours, kept = (stage_seconds(loaders, repeats, epoch) for epoch in (loaders.run_ours, loaders.run_kept))
        show_stages(loaders, ours, kept, console)
        if ray:
            show_ray(loaders, console)
    for name, wanted in ((OURS, goal), (KEPT, kept_goal)):
        if ratio(seconds, name) < wanted:
            also = " where pixels are kept" if name == KEPT else ""
            raise ValueError(f"{ratio(seconds, name):.2f} times the plain loader{also}; the goal is {wanted:g}")


if __name__ == "__main__":
    command.run(main)
