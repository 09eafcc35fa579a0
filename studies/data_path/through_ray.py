"""What Ray Data adds to an epoch: its own share, taken from batches that cost nothing to make."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pyarrow as pa
from rich.console import Console

from pipelines.runtime import cluster
from pipelines.training.batches import Batch, BatchMaker, local_batches, ray_batches
from studies.data_path.loaders import Loaders

STEPS = 192
# The first tasks of an execution start their processes; what follows is steady.
WARM = 64


@dataclass(frozen=True)
class Replay(BatchMaker):
    """Gives one ready batch for every step."""

    ready: Batch = field(default_factory=dict)

    def make(self, step: int, crops: pa.Table) -> Batch:
        return self.ready


def ray_seconds(maker: BatchMaker, crops) -> tuple[float, float]:
    """Wall seconds to the first batch, and per batch in the steady state; `crops` is a reference."""
    start = time.perf_counter()
    times = [time.perf_counter() - start for _ in ray_batches(maker, crops, 0, STEPS)]
    return times[0], (times[-1] - times[WARM]) / (STEPS - 1 - WARM)


def local_seconds(maker: BatchMaker, crops: pa.Table) -> float:
    """Wall seconds per batch in this process."""
    start = time.perf_counter()
    for _ in local_batches(maker, crops, 0, STEPS - WARM):
        pass
    return (time.perf_counter() - start) / (STEPS - WARM)


def show_ray(loaders: Loaders, console: Console) -> None:
    """Measures and says it."""
    import ray

    crops, steps = loaders.crops(), loaders.num_steps
    replay = Replay(**vars(loaders.maker), ready=loaders.maker.make(0, crops))
    local = {"made": local_seconds(loaders.maker, crops), "ready": local_seconds(replay, crops)}
    start = time.perf_counter()
    with cluster.connected(2):
        cluster_s = time.perf_counter() - start
        reference = ray.put(crops)
        first_s, made = ray_seconds(loaders.maker, reference)
        _, ready = ray_seconds(replay, reference)
    added = (ready - local["ready"]) * steps * 1e3
    console.print(
        f"An epoch of {loaders.num_faces} faces: {local['made'] * steps * 1e3:.0f} ms of wall time in the plain loop, "
        f"{made * steps * 1e3:.0f} ms through Ray, whose workers make batches side by side."
    )
    console.print(
        f"Ray adds {added:.0f} ms per epoch of {loaders.num_faces} faces ({added / steps:.1f} ms per batch), "
        f"once {cluster_s + first_s:.1f} s ({cluster_s:.1f} s to start it, {first_s:.1f} s to the first batch)."
    )
