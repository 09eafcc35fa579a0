"""Where the crops of a split come from: memory, where they fit, or their shards, as they are needed."""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.runtime.memory import machine_bytes
from pipelines.runtime.tables import read_footer, read_shard, shards
from pipelines.training.order import WINDOW

# What a training needs of a shard. About 20 kB a face at 128 px with its margin, 50 kB at 256.
COLUMNS = ("pixels", "crop_landmarks")
# And of a network that learns which landmarks are visible.
VISIBLE = "visible"
# Of the machine's memory: what a split may take to be held.
HELD_SHARE = 1 / 4


@dataclass(frozen=True)
class Shards:
    """The shards of a split, in order.

    Attributes:
        paths: Of the files.
        sizes: Rows of each.
        num_bytes: Of all files.
        window: How many the order looks at together (`pipelines.training.order`): one window for each source.
        columns: What is read of them.
    """

    paths: tuple[Path, ...]
    sizes: tuple[int, ...]
    num_bytes: int
    window: int = WINDOW
    columns: tuple[str, ...] = COLUMNS

    @classmethod
    def of(cls, folder: Path, split: str, columns: tuple[str, ...] = COLUMNS) -> Shards:
        """Looks at the files' footers, not at their rows.

        Raises:
            ValueError: The folder has not all shards of the split, or one is damaged or lacks a column.
        """
        paths = tuple(path.resolve() for path in shards(folder, split))
        footers = [read_footer(path) for path in paths]
        for path, footer in zip(paths, footers, strict=True):
            if absent := sorted(set(columns) - set(footer.schema.to_arrow_schema().names)):
                raise ValueError(
                    f"{path} has no column {', '.join(absent)}: it was cut before there was one; preprocess again"
                )
        sizes, num_bytes = tuple(footer.num_rows for footer in footers), sum(path.stat().st_size for path in paths)
        return cls(paths, sizes, num_bytes, min(WINDOW, len(paths)), columns)

    @classmethod
    def joined(cls, parts: Iterable[Shards]) -> Shards:
        """Those of several splits or sources, one after the other."""
        all_parts = tuple(parts)
        paths, sizes = (
            tuple(chain.from_iterable(each)) for each in zip(*((p.paths, p.sizes) for p in all_parts), strict=True)
        )
        num_bytes, window = (sum(getattr(part, name) for part in all_parts) for name in ("num_bytes", "window"))
        return cls(paths, sizes, num_bytes, window, all_parts[0].columns)

    @property
    def num_rows(self) -> int:
        return sum(self.sizes)

    def read(self, shard: int) -> pa.Table:
        return read_shard(self.paths[shard], list(self.columns))

    def marks_hidden(self) -> bool:
        """Whether it is said of any landmark whether it is visible; reads no more shards than it takes to find one."""
        return any(np.isfinite(_flat(read_shard(path, [VISIBLE]))).any() for path in self.paths)

    def held(self) -> pa.Table:
        """All rows, in memory."""
        return pa.concat_tables([self.read(shard) for shard in range(len(self.paths))])

    def opened(self, room: float | None = None) -> pa.Table | Streamed:
        """All rows in memory, where that is at most `room` bytes, by default a share of the machine's; else streamed."""
        return self.held() if self.fits(HELD_SHARE * machine_bytes() if room is None else room) else Streamed(self)

    def fits(self, room: float) -> bool:
        """Whether all rows may be held in so many bytes; says so where they may not."""
        fits = self.num_bytes <= room
        if not fits:
            sizes = f"{self.num_bytes / 1e9:.1f} GB, may take {room / 1e9:.1f} GB of memory"
            print(f"train: {self.num_rows} faces, {sizes}: streamed from their {len(self.paths)} shards", flush=True)
        return fits


def _flat(table: pa.Table) -> np.ndarray:
    return table.column(VISIBLE).combine_chunks().flatten().to_numpy()


@dataclass(frozen=True)
class Streamed:
    """The rows of shards, one by one, as a table gives them; a process holds the last ones that it looked at.

    Attributes:
        shards: Whose rows they are.
        read: Number of a shard -> its table; by default from its file.
        name: Of this split, among those that a process looks at.
    """

    shards: Shards
    read: Callable[[int], pa.Table] | None = None
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __len__(self) -> int:
        return self.shards.num_rows

    def column(self, name: str) -> Column:
        return Column(self, name)

    def table(self, shard: int) -> pa.Table:
        """A shard, if need be read, in the place of the one that was not looked at for longest."""
        held = _held(self.name)
        if shard not in held:
            while len(held) > self.shards.window:  # and one more: that with the first crop, whose side is that of all
                held.popitem(last=False)
            held[shard] = (self.read or self.shards.read)(shard)
        held.move_to_end(shard)
        return held[shard]


@lru_cache(maxsize=2)  # training and validation faces
def _held(name: str) -> OrderedDict[int, pa.Table]:
    """Outlives the copy of `Streamed` that a Ray task is given: the next task of the process finds it again."""
    return OrderedDict()


class Column:
    """A column of streamed rows; single rows only."""

    def __init__(self, streamed: Streamed, name: str) -> None:
        self.streamed, self.name = streamed, name
        self.ends = _ends(streamed.shards.sizes)

    def __getitem__(self, row: int) -> pa.Scalar:
        shard = bisect_right(self.ends, row)
        first = self.ends[shard] - self.streamed.shards.sizes[shard]
        return self.streamed.table(shard).column(self.name)[row - first]


@lru_cache(maxsize=4)
def _ends(sizes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(accumulate(sizes))


def in_object_store(crops: Shards, room: float, keep: Callable[[Any], Any] = lambda rows: rows) -> Any:
    """For all processes of a Ray cluster: a reference to all rows, where they fit, or `Streamed` through one actor.

    What goes there has passed through `keep`, which may replace it by equal rows in another form.
    The actor keeps the shards of two windows in the object store, where the processes of a node share them.
    """
    import ray

    from pipelines.runtime import cluster

    if crops.fits(room):
        return ray.put(keep(crops.held()))
    tries = {"max_restarts": cluster.MAX_RETRIES, "max_task_retries": cluster.MAX_RETRIES}
    actor = ray.remote(num_cpus=0, **tries)(Lender).remote(crops)
    return Streamed(crops, Borrowing(actor))


class Lender:
    """An actor that reads shards into the object store, each once for all that ask for it.

    Args:
        shards: To read from.
    """

    def __init__(self, shards: Shards) -> None:
        self.shards = shards
        self.lent: OrderedDict[int, Any] = OrderedDict()

    def lend(self, shard: int) -> list:
        """A reference to the shard's table, in a list: bare, Ray would send the table itself."""
        import ray

        if shard not in self.lent:
            while len(self.lent) >= 2 * self.shards.window:
                self.lent.popitem(last=False)
            self.lent[shard] = ray.put(self.shards.read(shard))
        self.lent.move_to_end(shard)
        return [self.lent[shard]]


@dataclass(frozen=True)
class Borrowing:
    """Gets a shard's table from the actor."""

    actor: Any

    def __call__(self, shard: int) -> pa.Table:
        import ray

        return ray.get(ray.get(self.actor.lend.remote(shard))[0])
