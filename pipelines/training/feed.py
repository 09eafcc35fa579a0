"""From batches of arrays to tensors on the device that trains."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from pipelines.training.batches import Batch

Tensors = dict[str, torch.Tensor]
# What a batch has beyond the needs of a step: landmarks are measured, not trained on; targets were made of them.
UNUSED = ("landmarks",)


def feed(batches: Iterator[Batch], device: torch.device, layout: torch.memory_format) -> Iterator[Tensors]:
    """What steps need of their batches, on the device. For a GPU the next batch is made and pinned beside the step."""
    plain = (_tensors(batch) for batch in batches)
    for tensors in ahead(map(_pinned, plain)) if device.type == "cuda" else plain:
        moved = {name: value.to(device, non_blocking=True) for name, value in tensors.items()}
        yield {**moved, "pixels": moved["pixels"].contiguous(memory_format=layout)}


def _tensors(batch: Batch) -> Tensors:
    needed = {name: value for name, value in batch.items() if name not in UNUSED}
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in needed.items()}


def _pinned(tensors: Tensors) -> Tensors:
    """In memory that a GPU copies from by itself."""
    return {name: value.pin_memory() for name, value in tensors.items()}


def ahead(batches: Iterator[Tensors]) -> Iterator[Tensors]:
    """The same, each asked for in another thread while the one before is used; errors come with their batch."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch
