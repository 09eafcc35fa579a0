"""Is a training step on this machine's GPU the CPU's own, and how many faces a second does it train?

    python -m studies.gpu RECIPE... --crops CROPS [--batch 16 --batch 64] [--steps 30] [--no-compile]

First one batch of each recipe, on the same weights: loss and gradient on the GPU against those on the CPU in float32, which must
agree within 1e-4; then, for information, in the recipe's precision, with channels_last, and compiled. Then the training's own
loop, whose batches are made beforehand: faces a second, and the share of what a large product of bfloat16 matrices reaches in the
same run. CROPS are shards that preprocess cut by the recipes. Without a GPU all of it runs on the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, NamedTuple

import pyarrow as pa
import torch
import typer
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from components.model import LandmarkModel
from pipelines.params import Params, load_params
from pipelines.runtime import command
from pipelines.training.batches import Batch
from pipelines.training.checkpoints import State
from pipelines.training.feed import feed
from pipelines.training.loop import Plan, fit
from pipelines.training.workers import batch_maker
from studies.inputs.crops import read_crops
from studies.inputs.recipe import with_changes

LIMIT = 1e-4
# Faces of the comparison with the CPU, whose float32 takes a second for each of a large network.
CHECKED = 4
WARM = 5
# Side of the square matrices, and multiplications of them that are timed.
PRODUCT = {"cuda": (8192, 10), "cpu": (512, 2)}


class Way(NamedTuple):
    """How a step is computed; the fields are keys of `train`."""

    precision: str
    channels_last: bool
    compile: bool

    def __str__(self) -> str:
        return ", ".join([self.precision, *["channels_last"] * self.channels_last, *["compiled"] * self.compile])


FULL = Way("float32", False, False)
WAYS = (Way("bfloat16", False, False), Way("bfloat16", True, False), Way("bfloat16", True, True))


def loss_and_gradient(params: Params, batch: Batch, device: torch.device, way: Way) -> tuple[float, torch.Tensor]:
    """Of the first weights, on one batch; the gradient is one flat float32 tensor on the CPU."""
    torch.manual_seed(0)
    torch.compiler.reset()  # or one batch size after another would make torch compile for any
    config = params.model()
    layout = torch.channels_last if way.channels_last else torch.contiguous_format
    model = LandmarkModel(config).to(device, memory_format=layout).train()
    forward: nn.Module = torch.compile(model) if way.compile else model  # type: ignore[assignment]
    tensors = next(feed(iter([batch]), device, layout))
    with torch.autocast(device.type, torch.bfloat16, enabled=way.precision == "bfloat16"):
        outputs = forward(tensors["pixels"])
    maps, flip = config.codec.render(tensors), torch.tensor(config.scheme.flip, device=device)
    total, weight = params.loss.sums(outputs, maps, tensors, config.codec.sigma, flip, model.head)
    (total / weight).backward()
    gradients = [value.grad for value in model.parameters() if value.grad is not None]
    return (total / weight).item(), torch.cat([grad.detach().float().cpu().flatten() for grad in gradients])


def check(params: Params, crops: pa.Table, device: torch.device, compiled: bool) -> None:
    """Prints how far each way is from float32 on the CPU.

    Raises:
        ValueError: float32 on the device is further away than LIMIT.
    """
    maker = batch_maker(with_changes(params, {"train": {"batch_size": CHECKED}}), 0, 1)
    batch = maker.make(0, crops.slice(0, CHECKED))
    loss, gradient = loss_and_gradient(params, batch, torch.device("cpu"), FULL)
    torch.backends.cudnn.allow_tf32 = False
    for way in (FULL, *(way for way in WAYS if compiled or not way.compile)):
        there, theirs = loss_and_gradient(params, batch, device, way)
        apart = abs(there - loss) / abs(loss), ((theirs - gradient).norm() / gradient.norm()).item()
        print(f"{params.name}: {way} on {device.type}: loss {apart[0]:.1e}, gradient {apart[1]:.1e}", flush=True)
        if way is FULL and max(apart) > LIMIT:
            raise ValueError(f"{params.name}: a step in float32 on {device.type} is not the CPU's: {apart}")
    torch.backends.cudnn.allow_tf32 = True


class Fed:
    """The loop's worker, which gives one batch over and over and looks at the clock; implements `loop.Worker`."""

    rank, world = 0, 1

    def __init__(self, batch: Batch, device: torch.device) -> None:
        self.batch, self.device = batch, device
        self.began = self.ended = 0.0

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        for step in range(first, last):
            # For a GPU the next batch is asked for before the step that goes before it begins.
            if step == WARM + (self.device.type == "cuda"):
                self.began = now(self.device)
            yield self.batch

    def validation(self) -> None:
        self.ended = now(self.device)

    def load(self) -> State | None:
        return None

    def report(self, *told: object) -> None:
        pass


def faces_per_s(params: Params, crops: pa.Table, device: torch.device, steps: int) -> float:
    """Faces a second of the training's loop, all views of a face as one, after the first steps."""
    torch.compiler.reset()
    worker = Fed(batch_maker(params, 0, 1).make(0, crops), device)
    fit(params, Plan(WARM + steps, frozenset([WARM + steps])), worker)  # type: ignore[arg-type]
    return params.train.batch_size * steps / (worker.ended - worker.began)


def flops_per_face(params: Params) -> float:
    """Of the network's forward and backward pass, over all views of a face; a multiplication and an addition are two."""
    model, side = LandmarkModel(params.model()).train(), params.preprocess.crop
    counter = FlopCounterMode(display=False)
    with counter:
        outputs = model(torch.zeros(2, 3, side, side, dtype=torch.uint8))
        torch.stack([value.sum() for value in outputs.values()]).sum().backward()
    return counter.get_total_flops() / 2 * params.loss.num_views


def flops_of_products(device: torch.device) -> float:
    """A second, of bfloat16 matrices: what the device can do at best."""
    side, count = PRODUCT[device.type]
    one = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    for _ in range(count):
        one @ one
    began = now(device)
    for _ in range(count):
        one @ one
    return 2 * side**3 * count / (now(device) - began)


def now(device: torch.device) -> float:
    """Seconds, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.monotonic()


def main(
    recipes: Annotated[list[Path], typer.Argument(help="Whose steps.")],
    crops: Annotated[Path, typer.Option(help="Shards that preprocess cut by them.")],
    batch: Annotated[list[int], typer.Option(help="Faces a step; may be repeated.", min=2)] = [16, 64],  # noqa: B006
    steps: Annotated[int, typer.Option(help="Of each way, timed.", min=1)] = 30,
    compiled: Annotated[bool, typer.Option("--compile/--no-compile", help="Compiled ways too.")] = True,
) -> None:
    """Prints how exact and how fast training steps are."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "no GPU here, the CPU"
    peak = flops_of_products(device)
    print(f"{name}, torch {torch.__version__}: {peak / 1e12:.3g} TFLOP/s in products of bfloat16 matrices", flush=True)
    for path in recipes:
        params = load_params(path)
        stored = read_crops(crops, "train", params)
        check(params, stored, device, compiled)
        work = flops_per_face(params)
        for size, way in product(batch, WAYS if compiled else WAYS[:-1]):
            here = {"batch_size": size, "num_workers": 0, "use_gpu": device.type == "cuda"}
            rate = faces_per_s(with_changes(params, {"train": {**way._asdict(), **here}}), stored, device, steps)
            print(
                f"{params.name}: {size} faces a step, {way}: {rate:.4g} faces/s, {rate * work / 1e12:.3g} TFLOP/s, "
                f"{rate * work / peak:.1%} of that",
                flush=True,
            )


if __name__ == "__main__":
    command.run(main)
