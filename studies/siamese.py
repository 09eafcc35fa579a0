"""What does the Siamese term cost per face, in its batch and in a training step, against one view of each face?

    python -m studies.siamese [--recipe recipes/300w_small.yaml] [--crops CROPS] [--heatmap mse] [--faces 16] [--rounds 9]

Drawn faces, or those of CROPS, the shards that preprocess cut by the recipe; one thread, seconds of CPU; the ways take turns, and medians are compared within one run. "two views" is a step
on both views without the consistency: what is left of the cost is the consistency's own.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import torch
import typer

from components.model import LandmarkModel
from pipelines.params import Params, load_params
from pipelines.runtime import command
from pipelines.training.feed import feed
from pipelines.training.workers import batch_maker
from studies.inputs.crops import train_crops
from studies.inputs.recipe import with_changes

VIEWS = {"one view": (1, 0.0), "two views": (2, 0.0), "Siamese": (2, 1.0)}


class Way:
    """One way to train; counts the seconds of its batches and of its steps.

    Args:
        params: The recipe.
        crops: Stored faces; all of them are a step's.
        num_views: Of each face.
        siamese_weight: Of their consistency.
    """

    def __init__(self, params: Params, crops: pa.Table, num_views: int, siamese_weight: float) -> None:
        torch.manual_seed(0)
        config = params.model()
        self.crops, self.params = crops, params
        self.model = LandmarkModel(config).to(memory_format=torch.channels_last)
        self.maker = replace(batch_maker(params, 0, 1), seed=0, batch_size=len(crops), num_views=num_views)
        self.objective = replace(params.loss, num_views=num_views, siamese_weight=siamese_weight)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        self.flip = torch.tensor(config.scheme.flip)
        self.batch_s: list[float] = []
        self.step_s: list[float] = []

    def step(self, number: int) -> None:
        codec, began = self.model.config.codec, time.process_time()
        batch = self.maker.make(number, self.crops)
        made = time.process_time()
        tensors = next(feed(iter([batch]), torch.device("cpu"), torch.channels_last))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.params.train.precision == "bfloat16"):
            outputs = self.model(tensors["pixels"])
        maps, head = codec.render(tensors), self.model.head
        total, weight = self.objective.sums(outputs, maps, tensors, codec.sigma, self.flip, head)
        self.optimizer.zero_grad(set_to_none=True)
        (total / weight).backward()
        self.optimizer.step()
        self.batch_s.append(made - began)
        self.step_s.append(time.process_time() - made)


def main(
    recipe: Annotated[Path, typer.Option(help="Network, codec, loss, augmentation.")] = Path("recipes/300w_small.yaml"),
    crops: Annotated[Path | None, typer.Option(help="Its shards; without them, faces are drawn.")] = None,
    heatmap: Annotated[str | None, typer.Option(help="Another heatmap loss than the recipe's.")] = None,
    faces: Annotated[int, typer.Option(help="Of a step.", min=1)] = 16,
    rounds: Annotated[int, typer.Option(help="Steps of each way.", min=1)] = 9,
) -> None:
    """Prints milliseconds per face, and the ratio to one view."""
    torch.set_num_threads(1)
    params = load_params(recipe)
    if heatmap:
        params = with_changes(params, {"loss": {"heatmap": heatmap}})
    stored = train_crops(crops, params, faces)
    ways = {name: Way(params, stored, *how) for name, how in VIEWS.items()}
    for number in range(rounds + 1):  # the first is not counted
        for way in ways.values():
            way.step(number)
    print(f"{recipe}, {params.loss.heatmap}, {faces} faces a step, median of {rounds}")
    base = 0.0
    for name, way in ways.items():
        batch, step = (1000 * statistics.median(seconds[1:]) / faces for seconds in (way.batch_s, way.step_s))
        base = base or batch + step
        print(f"{name:10} batch {batch:6.2f} ms/face, step {step:7.2f} ms/face, {(batch + step) / base:.2f} x")


if __name__ == "__main__":
    command.run(main)
