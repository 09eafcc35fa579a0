"""Crops from memory and from their shards: the same batches, and no more of them in memory than a window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from components.augment import NO_AUGMENT
from components.codecs import CODECS
from components.images import encode_jpeg
from components.schemes import Scheme
from pipelines.runtime.tables import to_column
from pipelines.training import crops as crops_module
from pipelines.training.batches import BatchMaker, local_batches, looked_up, ray_batches
from pipelines.training.crops import Shards, Streamed, in_object_store
from pipelines.training.mixture import Mixture
from pipelines.training.order import WINDOW

THREE = Scheme("three", ("right", "left", "nose"), (1, 0, 2), (0, 1), ((0,), (1,)), ())
SIDE, NUM_SHARDS, ROWS = 16, 2 * WINDOW + 4, 2


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    """More shards than two windows, of two crops of noise each."""
    folder, rng = tmp_path_factory.mktemp("shards"), np.random.default_rng(0)
    for i in range(NUM_SHARDS):
        pixels = [encode_jpeg(rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8), 90) for _ in range(ROWS)]
        landmarks = to_column(rng.uniform(4, 12, (ROWS, 6)).astype(np.float32), pa.list_(pa.float32(), 6))
        table = pa.table({"pixels": pa.array(pixels), "crop_landmarks": landmarks, "face": pa.array(["x"] * ROWS)})
        pq.write_table(table, folder / f"train-{i:05d}-of-{NUM_SHARDS:05d}.parquet")
    return Shards.of(folder, "train")


def maker(shards: Shards, rank: int = 0, world: int = 1) -> BatchMaker:
    codec = CODECS["subpixel"](crop=SIDE, stride=4, sigma=1.5)
    return BatchMaker(codec, NO_AUGMENT, THREE, 0, 8, 1, rank, world, shards=(shards.sizes,))


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_rows_are_counted_from_the_footers(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pq, "read_table")
    again = Shards.of(shards.paths[0].parent, "train")
    assert (NUM_SHARDS * ROWS, (ROWS,) * NUM_SHARDS) == (again.num_rows, again.sizes)
    assert sum(path.stat().st_size for path in shards.paths) == again.num_bytes


def test_two_splits_together_are_one_after_the_other(shards: Shards) -> None:
    both = Shards.joined([shards, shards])
    assert (2 * shards.num_rows, 2 * shards.num_bytes) == (both.num_rows, both.num_bytes)
    assert shards.paths * 2 == both.paths


def test_a_split_is_held_where_it_fits_and_streamed_where_it_does_not_and_says_so(
    shards: Shards, capsys: pytest.CaptureFixture
) -> None:
    assert isinstance(shards.opened(room=shards.num_bytes), pa.Table)
    assert "" == capsys.readouterr().out
    assert isinstance(shards.opened(room=shards.num_bytes - 1), Streamed)
    # By hand: two windows of 128 shards and four more, of two faces each.
    assert (
        "train: 520 faces, 0.0 GB, may take 0.0 GB of memory: streamed from their 260 shards\n"
        == capsys.readouterr().out
    )


@pytest.mark.parametrize("world", [1, 2, 4])
def test_streamed_batches_are_those_of_memory_for_any_number_of_workers(shards: Shards, world: int) -> None:
    steps = -(-shards.num_rows // 8) + 2  # into the second epoch
    whole = list(local_batches(maker(shards), shards.held(), 0, steps))
    for rank in range(world):
        streamed = local_batches(maker(shards, rank, world), Streamed(shards), 0, steps)
        for batch, share in zip(whole, streamed, strict=True):
            assert equal({name: value[rank::world] for name, value in batch.items()}, share)


def test_a_resumed_training_streams_the_same_batches(shards: Shards) -> None:
    through = list(local_batches(maker(shards), Streamed(shards), 0, 70))
    resumed = list(local_batches(maker(shards), Streamed(shards), 60, 70))
    assert all(equal(one, other) for one, other in zip(through[60:], resumed, strict=True))


def test_streaming_reads_each_shard_once_an_epoch_and_holds_a_window(shards: Shards) -> None:
    reads: list[int] = []

    def read(shard: int) -> pa.Table:
        reads.append(shard)
        return shards.read(shard)

    streamed = Streamed(shards, read)
    for _ in local_batches(maker(shards), streamed, 0, shards.num_rows // 8):
        # One more: that of the first crop, by which the side of all is known.
        assert len(crops_module._held(streamed.name)) <= WINDOW + 1
    assert list(range(NUM_SHARDS)) == sorted(reads)


def test_two_sources_are_streamed_each_with_a_window_of_its_own(shards: Shards) -> None:
    reads: list[int] = []

    def read(shard: int) -> pa.Table:
        reads.append(shard)
        return both.read(shard)

    both = Shards.joined([shards, shards])
    streamed = Streamed(both, read)
    mixture = Mixture((shards.num_rows, shards.num_rows), (0.5, 0.5))
    mixed = replace(maker(shards), mixture=mixture, shards=(shards.sizes, shards.sizes))
    for _ in local_batches(mixed, streamed, 0, both.num_rows // 8):
        assert len(crops_module._held(streamed.name)) <= 2 * WINDOW + 1
    # Each once, as long as neither source begins its next epoch.
    assert list(range(2 * NUM_SHARDS)) == sorted(reads)


def test_what_training_does_not_need_is_not_read(shards: Shards) -> None:
    assert ["pixels", "crop_landmarks"] == shards.read(0).column_names == shards.held().column_names


@pytest.mark.parametrize("room", [0, 1 << 30])
def test_ray_makes_the_same_batches_of_what_fits_its_store_and_of_what_does_not(
    shards: Shards, room: int, local_ray: None
) -> None:
    crops = in_object_store(shards, room)
    assert isinstance(crops, Streamed if room == 0 else ray.ObjectRef)
    expected = list(local_batches(maker(shards, 1, 2), shards.held(), 3, 40))
    for made in (
        ray_batches(maker(shards, 1, 2), crops, 3, 40),
        local_batches(maker(shards, 1, 2), looked_up(crops), 3, 40),
    ):
        assert all(equal(one, other) for one, other in zip(expected, made, strict=True))


def test_a_long_training_is_several_executions_of_the_same_batches(
    shards: Shards, local_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.training.batches.STEPS_PER_EXECUTION", 16)
    expected = list(local_batches(maker(shards), shards.held(), 5, 40))
    made = list(ray_batches(maker(shards), ray.put(shards.held()), 5, 40))
    assert all(equal(one, other) for one, other in zip(expected, made, strict=True))


def test_a_column_that_shards_lack_is_named_with_the_way_out(shards: Shards) -> None:
    first = shards.paths[0]
    with pytest.raises(
        ValueError, match=f"^{first} has no column visible: it was cut before there was one; preprocess again$"
    ):
        Shards.of(first.parent, "train", ("pixels", "visible"))


@pytest.mark.parametrize(("flags", "marked"), [([np.nan, np.nan], False), ([np.nan, 1.0], True), ([0.0, np.nan], True)])
def test_whether_anything_is_said_of_what_is_hidden(tmp_path: Path, flags: list[float], marked: bool) -> None:
    """Two shards of a face with one landmark each."""
    for i, flag in enumerate(flags):
        table = pa.table({"visible": to_column(np.array([[flag]], np.float32), pa.list_(pa.float32(), 1))})
        pq.write_table(table, tmp_path / f"train-{i:05d}-of-00002.parquet")
    assert marked == Shards.of(tmp_path, "train", ("visible",)).marks_hidden()
