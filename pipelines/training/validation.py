"""The validation faces: batches of them, kept where they fit, and their NME."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import pyarrow as pa
import torch
from torch import distributed

from components.augment import NO_AUGMENT
from components.metrics import PROTOCOLS, nme
from components.model import LandmarkModel
from pipelines.params import Params
from pipelines.runtime.memory import machine_bytes
from pipelines.training.batches import Batch, BatchMaker
from pipelines.training.crops import Shards

BATCH = 64
# Faces, to fit one number on.
ENOUGH = 500
# Of the machine's memory: what all workers together may keep of decoded faces, at 48 kB each of 128 px, and 192 kB of 256 px.
KEPT_SHARE = 1 / 16


def validation_batches(params: Params, faces: pa.Table, rank: int, world: int) -> Iterator[Batch]:
    """One worker's share of the validation faces, not augmented."""
    config = params.model()
    maker = BatchMaker(config.codec, NO_AUGMENT, config.scheme, 0, 1)
    mine = np.arange(rank, len(faces), world)
    return (maker.plain(faces, mine[first : first + BATCH]) for first in range(0, len(mine), BATCH))


def spread_batches(params: Params, val: Shards) -> Iterator[Batch]:
    """Some hundreds of the validation faces, evenly spread: enough to fit one number on."""
    return validation_batches(params, val.opened(), 0, max(1, val.num_rows // ENOUGH))


def fitting_device(params: Params) -> torch.device:
    """Where a finished model is asked about them: on a CPU, a large network takes a second for each."""
    return torch.device("cuda" if params.train.use_gpu and torch.cuda.is_available() else "cpu")


class Validation:
    """A worker's share of the validation faces, as often as it is asked for; decoded once, where they may be kept.

    Args:
        params: Of the training.
        faces: Their crops.
        rank: Of this worker.
        world: Number of workers.
        room: Bytes that all workers together may keep.
    """

    def __init__(self, params: Params, faces: pa.Table, rank: int, world: int, room: float | None = None) -> None:
        self.make: Callable[[], Iterator[Batch]] = lambda: validation_batches(params, faces, rank, world)
        room = KEPT_SHARE * machine_bytes() if room is None else room
        self.fits = len(faces) * 3 * params.preprocess.crop**2 <= room
        self.kept: list[Batch] | None = None

    def __iter__(self) -> Iterator[Batch]:
        if not self.fits:
            return self.make()
        if self.kept is None:
            self.kept = list(self.make())
        return iter(self.kept)


class Measuring(Protocol):
    """What it takes to measure: a place among the workers, and faces."""

    world: int
    device: torch.device

    def validation(self) -> Iterator[Batch] | None:
        """This worker's share of the validation faces."""


@torch.no_grad()
def measure(
    model: LandmarkModel,
    params: Params,
    worker: Measuring,
    forward: Callable[[torch.Tensor], dict[str, torch.Tensor]] | None = None,
) -> float:
    """NME of the validation faces under the params' protocol, of those that it can measure, over all workers; a fraction.

    In the training's precision. Batch statistics differ between workers, so all measure with rank 0's.

    Args:
        model: What is measured.
        params: Of the training.
        worker: Whose share it is.
        forward: The model, compiled; or None.

    Raises:
        ValueError: The protocol can measure none.
    """
    model.eval()
    if worker.world > 1:
        take_from_first([value for value in model.buffers() if value.is_floating_point()])
    total = torch.zeros(3, dtype=torch.float64, device=worker.device)
    protocol, scheme = PROTOCOLS[params.evaluate.protocol], model.config.scheme
    for faces in worker.validation() or ():
        pixels, truth = torch.from_numpy(faces["pixels"]).to(worker.device), faces["landmarks"]
        with torch.autocast(worker.device.type, torch.bfloat16, enabled=params.train.precision == "bfloat16"):
            outputs = (forward or model)(pixels)
        decoded = model.decode({name: value.float() for name, value in outputs.items()})
        predicted = decoded.landmarks.cpu().numpy()
        measured = protocol.measurable(truth, scheme)
        errors = nme(predicted[measured], truth[measured], protocol.normalise(truth[measured], scheme))
        total += torch.tensor([errors.sum(), len(errors), len(truth)], device=worker.device)
    total = reduce_sum(total)
    if not total[1]:
        raise protocol.none_measurable(int(total[2]), "validation")
    return (total[0] / total[1]).item()


def reduce_sum(values: torch.Tensor) -> torch.Tensor:
    """The sum over all workers, in place."""
    if distributed.is_initialized() and distributed.get_world_size() > 1:
        distributed.all_reduce(values)
    return values


def take_from_first(values: list[torch.Tensor]) -> None:
    """Gives every worker rank 0's values, in place; in one message, since a network has hundreds of small ones."""
    flat = torch.cat([value.flatten() for value in values])
    distributed.broadcast(flat, src=0)
    parts = flat.split([value.numel() for value in values])
    torch._foreach_copy_(values, [part.view_as(value) for part, value in zip(parts, values, strict=True)])
