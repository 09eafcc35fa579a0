"""Does a step cost the same time and memory, whether a split has ten thousand faces or a million?

    python -m studies.scale [--faces 10000 --faces 100000 --faces 1000000] [--steps 600] [--batch 64] [--crop 8] [--ray]

Simulated faces: crops of a few px, in shards as preprocess writes them, of which all are links to one file. So reading a shard
costs what it does in earnest, but for the disk's own part, and a face as little as it can: what is left is what grows with the
split, if anything does. Each row is measured in a process of its own, of one thread, in seconds of CPU. "held" has the split in
memory, "streamed" reads its shards as they come; steps are timed from the first and again over an epoch's end, where the next
order is drawn. Memory is the most that the process ever had, without what its imports take.

With --ray also what Ray Data takes to the first batch of so many epochs' plan, and through how much of its object store.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from components.augment import NO_AUGMENT
from components.codecs import CODECS
from components.images import encode_jpeg
from components.schemes import SCHEMES
from pipelines.runtime import cluster, command
from pipelines.runtime.processes import processes
from pipelines.runtime.tables import to_column
from pipelines.training.batches import BatchMaker, local_batches, ray_batches
from pipelines.training.crops import Shards, in_object_store

SHARD, SCHEME = 256, SCHEMES["ibug68"]
WAYS = {"held": None, "streamed": 0.0}
RAY_EPOCHS = 60


@dataclass(frozen=True)
class Sizes:
    """Of one measurement: faces of the split, of a step, and steps timed at each end of an epoch; px of a crop."""

    faces: int
    batch: int
    steps: int
    crop: int

    def maker(self, shards: Shards) -> BatchMaker:
        codec = CODECS["subpixel"](crop=self.crop, stride=4, sigma=1.0)
        return BatchMaker(codec, NO_AUGMENT, SCHEME, 0, self.batch, shards=(shards.sizes,))


@dataclass(frozen=True)
class Cost:
    """What it took: CPU seconds to count the rows and to the first batch, of a step in the median and at most; peak bytes."""

    count_s: float
    first_s: float
    step_s: float
    worst_s: float
    peak: int


def simulate(folder: Path, sizes: Sizes) -> None:
    """Writes one shard of whole size and links it under as many names as it takes; the last one is cut to the rest."""
    rng, num_shards = np.random.default_rng(0), -(-sizes.faces // SHARD)
    pixels = [encode_jpeg(rng.integers(0, 256, (sizes.crop,) * 2 + (3,)).astype(np.uint8), 90) for _ in range(SHARD)]
    marks = rng.uniform(0, sizes.crop, (SHARD, 2 * SCHEME.num_landmarks)).astype(np.float32)
    column = to_column(marks, pa.list_(pa.float32(), 2 * SCHEME.num_landmarks))
    table = pa.table({"pixels": pa.array(pixels, pa.binary()), "crop_landmarks": column})
    names = [folder / f"train-{i:05d}-of-{num_shards:05d}.parquet" for i in range(num_shards)]
    rest = table.slice(0, sizes.faces - (num_shards - 1) * SHARD)
    pq.write_table(rest, names[-1], compression="none", use_dictionary=False)
    for i, name in enumerate(names[:-1]):
        if i == 0:
            pq.write_table(table, name, compression="none", use_dictionary=False)
        else:
            os.link(names[0], name)


def peak_bytes() -> int:
    """The most memory that this process has ever had, bytes."""
    return next(
        int(line.split()[1]) * 1024
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        if line.startswith("VmHWM:")
    )


def step_seconds(maker: BatchMaker, shards: Shards, way: str, sizes: Sizes) -> Iterator[float]:
    """Of each batch from the first, then of those around the end of the first epoch; the opening is the first one's."""
    start = time.process_time()
    crops = shards.opened(WAYS[way])
    end = shards.num_rows // maker.batch_size
    for first in (0, max(sizes.steps, end - sizes.steps // 2)):
        for _ in local_batches(maker, crops, first, first + sizes.steps):
            now = time.process_time()
            yield now - start
            start = now


def cost(folder: Path, way: str, sizes: Sizes) -> Cost:
    """Measures one way, in this process."""
    before, start = peak_bytes(), time.process_time()
    shards = Shards.of(folder, "train")
    count_s = time.process_time() - start
    first_s, *others = step_seconds(sizes.maker(shards), shards, way, sizes)
    return Cost(count_s, first_s, statistics.median(others), max(others), peak_bytes() - before)


def ray_cost(folder: Path, sizes: Sizes) -> tuple[float, int]:
    """Seconds to the first batch of a plan of many epochs, and bytes of the object store that are used then."""
    import ray

    shards = Shards.of(folder, "train")
    start = time.perf_counter()
    crops = in_object_store(shards, 0)
    batches = ray_batches(sizes.maker(shards), crops, 0, RAY_EPOCHS * sizes.faces // sizes.batch)
    next(batches)
    first_s = time.perf_counter() - start
    used = ray.cluster_resources()["object_store_memory"] - ray.available_resources()["object_store_memory"]
    return first_s, int(used)


def main(
    faces: Annotated[list[int] | None, typer.Option(help="Of a split; may be given again.", min=1)] = None,
    steps: Annotated[int, typer.Option(help="Timed from the first, and over an epoch's end.", min=2)] = 600,
    batch: Annotated[int, typer.Option(help="Faces of a step.", min=1)] = 64,
    crop: Annotated[int, typer.Option(help="Side of the simulated crops, px.", min=4)] = 8,
    ray: Annotated[bool, typer.Option("--ray", help="Also Ray Data's way to the first batch.")] = False,
) -> None:
    """Prints what counting, the first batch, a step and memory cost by the size of the split."""
    console = Console(width=100, highlight=False)
    columns = ("faces", "crops", "rows counted", "first batch", "step, median", "step, worst", "peak memory")
    table = Table(*columns, title=f"{batch} faces a step, {crop} px", title_justify="left")
    for num_faces in faces or [10_000, 100_000, 1_000_000]:
        sizes = Sizes(num_faces, batch, steps, crop)
        with TemporaryDirectory() as folder:
            simulate(Path(folder), sizes)
            for way in WAYS:
                with processes(1, begin) as pool:
                    found = pool.submit(cost, Path(folder), way, sizes).result()
                table.add_row(f"{num_faces:,}", way, *_texts(found))
            if ray:
                with cluster.connected():
                    first_s, used = ray_cost(Path(folder), sizes)
                console.print(
                    f"Ray, {num_faces:,} faces, {RAY_EPOCHS} epochs: first batch {first_s:.1f} s, {used >> 20} MB"
                )
    console.print(table)


def begin() -> None:
    """Of a process that measures: one thread."""
    cv2.setNumThreads(1)


def _texts(found: Cost) -> list[str]:
    return [
        f"{found.count_s:.2f} s",
        f"{found.first_s:.2f} s",
        f"{1e3 * found.step_s:.1f} ms",
        f"{1e3 * found.worst_s:.0f} ms",
        f"{found.peak >> 20} MB",
    ]


if __name__ == "__main__":
    command.run(main)
