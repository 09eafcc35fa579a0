"""How much do landmarks on a video tremble and lag, by tracking and smoothing, against the exact truth of drawn videos?

    python -m studies.video [--model artifacts/300w_small/model] [--seeds 8] [--frames 75] [--choose]

Each seed is a person who turns and wanders (`heatmark draw --video`), before any video codec, and the same person at rest, where
only the sensor's noise is new in each frame. Jitter is the mean movement of the found landmarks from one frame to the next at
rest, where the true one is 0; the first second, in which filters settle, is left out. Lag is the shift, in frames, by which the
found path fits the true one best, after each landmark's mean offset is taken away. Both distances, and NME, are in inter-ocular
distances. "exponential" is a plain low-pass with a constant weight, chosen to tremble as much as the one-euro filter. The
default model comes from `make retrain RECIPE=recipes/300w_small.yaml DATA=path/to/300w`. With --choose, a grid of the filter's two
parameters on other seeds, those that they were chosen on. Prints Markdown.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
import torch
import typer

from components.schemes import Scheme
from pipelines.draw_video import SCHEME_NAMES
from pipelines.runtime import command
from pipelines.runtime.progress import Progress
from pipelines.serving.model import Model, load
from studies.video.measures import SETTLED, Seeds, as_calm, distance_between_eyes, exponential, measured, one_euro
from studies.video.paths import Paths, clips

VALIDATION, TEST = 1000, 2000  # the first seed of each
GRID_HZ, GRID_BETA = (0.25, 0.5, 1.0, 2.0, 4.0), (0.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


def print_table(seeds: Seeds, scheme: Scheme) -> None:
    print("| boxes | smoothing | jitter at rest | lag, frames | NME, moving |\n| --- | --- | ---: | ---: | ---: |")
    for boxes in ("true", "tracked"):
        filtered = measured(seeds, boxes, one_euro, scheme)
        weight = as_calm(seeds, boxes, filtered[0], scheme)
        plain = measured(seeds, boxes, partial(exponential, weight=weight), scheme)
        for name, row in (
            ("none", measured(seeds, boxes, np.copy, scheme)),
            ("one-euro", filtered),
            (f"exponential, weight {weight:.2f}", plain),
        ):
            print(f"| {boxes} | {name} | {row[0]:.3%} | {row[1]:.2f} | {row[2]:.2%} |")


def print_grid(seeds: Seeds, scheme: Scheme) -> None:
    print(
        "| min_cutoff, Hz | beta | jitter at rest | lag, frames | NME, moving |\n| ---: | ---: | ---: | ---: | ---: |"
    )
    for hz in GRID_HZ:
        for beta in GRID_BETA:
            row = measured(seeds, "tracked", partial(one_euro, min_cutoff_hz=hz, beta=beta), scheme)
            print(f"| {hz:g} | {beta:g} | {row[0]:.3%} | {row[1]:.2f} | {row[2]:.2%} |")


def main(
    model: Annotated[str, typer.Option(help="Of 68 or 98 landmarks.")] = "artifacts/300w_small/model",
    seeds: Annotated[int, typer.Option(help="How many persons.", min=1)] = 8,
    num_frames: Annotated[int, typer.Option("--frames", help="Of each, 25 a second.", min=SETTLED + 10)] = 75,
    size: Annotated[int, typer.Option(help="Side of the frames, px.", min=64, max=1024)] = 320,
    workers: Annotated[int, typer.Option(help="Processes that draw.", min=1)] = 2,
    choose: Annotated[bool, typer.Option("--choose", help="The filter's parameters on validation seeds.")] = False,
) -> None:
    """Prints jitter, lag and NME."""
    torch.set_num_threads(1)
    finder = load(model)
    if finder.scheme.name not in SCHEME_NAMES:
        raise ValueError(f"--model {model}: its scheme is {finder.scheme.name}; drawn are {', '.join(SCHEME_NAMES)}")
    if finder.box != "landmarks":
        raise ValueError(
            f"--model {model}: its boxes are as its dataset's annotators drew them; drawn faces have tight ones"
        )
    first = VALIDATION if choose else TEST
    looked, progress = [], Progress("video", seeds, "persons")
    for seed in range(first, first + seeds):
        looked.append(clips(finder, seed, num_frames, size, workers))
        progress.advance(1)
    lost = np.mean([np.isnan(each.found["tracked"][:, 0, 0]) for pair in looked for each in pair])
    speed = np.mean(
        [np.linalg.norm(np.diff(moved.truth, axis=0), axis=-1).mean() / _eyes(moved, finder) for _, moved in looked]
    )
    print(
        f"{seeds} persons, seeds {first} to {first + seeds - 1}, {num_frames} frames of {size} px each at rest and moving by"
    )
    print(f"{speed:.1%} a frame; {lost:.1%} of the tracked faces are lost. {_confidences(looked)}\n")
    (print_grid if choose else print_table)(looked, finder.scheme)


def _confidences(seeds: Seeds) -> str:
    """Why `tracking.LOST_BELOW` is what it is."""
    shares = np.concatenate([moved.sure / np.median(moved.sure[:, 0]) for _, moved in seeds])
    low, high = np.quantile(shares[:, 0], [0.05, 0.95])
    beside = np.quantile(shares[:, 1], 0.95)
    return (
        f"Of its own median, a moving face's confidence is {low:.2f} to {high:.2f} in its true box (5% to 95%), and at most "
        f"{beside:.2f} a whole width beside it (95%)"
    )


def _eyes(clip: Paths, model: Model) -> float:
    return float(distance_between_eyes(clip.truth, model.scheme).mean())


if __name__ == "__main__":
    command.run(main)
