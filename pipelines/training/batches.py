"""Batches: stored crops -> augmented uint8 pixels and compact targets.

A training is one fixed sequence of steps: which faces, in which order, and how each is seen follow from the seed and the
step's number alone. So any number of workers sees the same global batches, a resumed training goes on with the very
batches it would have had, and Ray Data runs one execution from the first step to the last instead of one per epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from components.augment import NO_AUGMENT, Augment, Views, draw_views, render_view, view_landmarks, view_visible
from components.codecs import Codec
from components.geometry import compose, invert, to_unit
from components.schemes import Scheme
from pipelines.training.crops import VISIBLE, Streamed
from pipelines.training.decoded import pixels_of, stored_side
from pipelines.training.mixture import Mixture
from pipelines.training.order import epoch_order

Batch = dict[str, np.ndarray]


@dataclass(frozen=True)
class BatchMaker:
    """Makes any step's batch from the stored crops.

    Attributes:
        codec: Whose targets are made.
        augment: How far views differ.
        scheme: For mirrored views.
        seed: Of order and views.
        batch_size: Faces per step, over all workers.
        num_views: Of each face in a step, one row after the other.
        rank: Of this worker.
        world: Number of workers; the worker takes faces rank, rank + world, ... of each step.
        mixture: How several sources share the batches; None where all faces are of one.
        shards: Rows of each shard of each source, on which the order depends; () where a source is one shard.
        visibility: Whether batches say which landmarks are visible.
    """

    codec: Codec
    augment: Augment
    scheme: Scheme
    seed: int
    batch_size: int
    num_views: int = 1
    rank: int = 0
    world: int = 1
    mixture: Mixture | None = None
    shards: tuple[tuple[int, ...], ...] = ()
    visibility: bool = False

    def faces(self, step: int, num_faces: int) -> np.ndarray:
        """Rows (batch_size,) of a step: epochs are permutations of a source, one after the other without a gap."""
        mixture, first = self.mixture or Mixture((num_faces,), (1.0,)), step * self.batch_size
        shards = self.shards or tuple((size,) for size in mixture.sizes)
        assert sum(mixture.sizes) == num_faces == sum(map(sum, shards))

        def order(source: int, epoch: int) -> np.ndarray:
            return epoch_order(self.seed, epoch, shards[source], source)

        return mixture.rows(first, first + self.batch_size, order)

    def make(self, step: int, crops: pa.Table | Streamed) -> Batch:
        """This worker's share of a step.

        Returns:
            pixels (n, 3, crop, crop) uint8 RGB, landmarks (n, K, 2) crop px, and the codec's targets; with several
            views also flipped (n,), and back (n, 2, 3), from the face's plain crop to the view, see `to_unit`; with
            visibility also visible (n, K), see `view_visible`.
        """
        rows = self.faces(step, len(crops))
        stored = stored_side(crops)
        rng = np.random.default_rng([self.seed, 1, step])
        mine = np.arange(self.rank, len(rows), self.world)
        drawn = draw_views(self.augment, rng, len(rows) * self.num_views, stored, self.codec.crop)
        views = drawn[(mine[:, None] * self.num_views + np.arange(self.num_views)).ravel()]
        batch = self._render(crops, rows[mine], views)
        return {**batch, **self._ways_back(views, stored)} if self.num_views > 1 else batch

    def _ways_back(self, views: Views, stored: int) -> Batch:
        plain = draw_views(NO_AUGMENT, np.random.default_rng(0), 1, stored, self.codec.crop).affine
        back = to_unit(compose(views.affine, invert(plain)), self.codec.crop, self.codec.crop)
        return {"flipped": views.flipped, "back": back.astype(np.float32)}

    def plain(self, crops: pa.Table | Streamed, rows: np.ndarray | None = None) -> Batch:
        """Some faces of a table, or all, as they are, not augmented, in order."""
        rows = np.arange(len(crops)) if rows is None else rows
        views = draw_views(NO_AUGMENT, np.random.default_rng(0), len(rows), stored_side(crops), self.codec.crop)
        return self._render(crops, rows, views)

    def _render(self, crops: pa.Table | Streamed, rows: np.ndarray, views: Views) -> Batch:
        side, num_views = self.codec.crop, len(views.flipped) // len(rows)
        pixels = np.empty((len(views.flipped), 3, side, side), np.uint8)
        # Single rows: Table.take copies all chunks first, for every step, and fails above 2 GiB of pixels.
        pictures = crops.column("pixels")
        # The one loop over faces: OpenCV decodes and warps one picture at a time.
        for i, row in enumerate(rows.tolist()):
            face = pixels_of(pictures[row])
            for view in range(i * num_views, (i + 1) * num_views):
                render_view(face, views, view, side, pixels[view])
        flat = _stacked(crops, "crop_landmarks", rows)
        landmarks = view_landmarks(flat.reshape(len(rows), -1, 2).repeat(num_views, axis=0), views, self.scheme.flip)
        labelled = np.isfinite(landmarks).all(axis=-1)
        batch = {"pixels": pixels, "landmarks": landmarks, **self.codec.encode(landmarks, labelled)}
        if not self.visibility:
            return batch
        flags = _stacked(crops, VISIBLE, rows).repeat(num_views, axis=0)
        return {**batch, "visible": view_visible(flags, landmarks, views, self.scheme.flip, side)}


def _stacked(crops: pa.Table | Streamed, name: str, rows: np.ndarray) -> np.ndarray:
    """Some rows of a column of lists: (n, length of a list)."""
    stored = crops.column(name)
    return np.stack([stored[row].values.to_numpy() for row in rows.tolist()])


def local_batches(maker: BatchMaker, crops: pa.Table | Streamed, first: int, last: int) -> Iterator[Batch]:
    """The batches of steps first to last (exclusive), made in this process."""
    cv2.setNumThreads(1)
    return (maker.make(step, crops) for step in range(first, last))


def ray_batches(maker: BatchMaker, crops: Any, first: int, last: int) -> Iterator[Batch]:
    """The same batches, made by Ray Data ahead of their use; `crops` is what `in_object_store` gave.

    The rows of a batch leave the tasks in order and are cut again at the same places, so both ways give equal arrays. One
    execution for so many steps that what its start takes does not count; all of them at once would be a plan of a million
    tasks.
    """
    for start in range(first, last, STEPS_PER_EXECUTION):
        yield from _execution(maker, crops, start, min(start + STEPS_PER_EXECUTION, last))


STEPS_PER_TASK = 8
STEPS_PER_EXECUTION = 32_768


def _execution(maker: BatchMaker, crops: Any, first: int, last: int) -> Iterator[Batch]:
    import ray.data

    def make(steps: dict[str, np.ndarray]) -> Iterator[Batch]:
        cv2.setNumThreads(1)
        table = looked_up(crops)
        for step in steps["id"]:
            yield maker.make(int(step) + first, table)

    rows = len(range(maker.rank, maker.batch_size, maker.world)) * maker.num_views
    steps = ray.data.range(last - first, override_num_blocks=max(1, (last - first) // STEPS_PER_TASK))
    batches = steps.map_batches(make, batch_size=None, zero_copy_batch=True)
    yield from batches.iter_batches(batch_size=rows, batch_format="numpy", prefetch_batches=2)


def looked_up(crops: Any) -> pa.Table | Streamed:
    """What `in_object_store` gave, to make batches from."""
    import ray

    return ray.get(crops) if isinstance(crops, ray.ObjectRef) else crops
