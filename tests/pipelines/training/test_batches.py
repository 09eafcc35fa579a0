"""Batches: one fixed sequence of steps, whoever makes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.augment import NO_AUGMENT, Augment
from components.codecs import CODECS
from components.images import decode_own, encode_jpeg
from components.schemes import Scheme
from pipelines.runtime.tables import to_column
from pipelines.training.batches import BatchMaker, local_batches
from pipelines.training.crops import Shards
from pipelines.training.mixture import Mixture

STRONG = Augment(flip=0.5, rotate=1, rotate_deg=30, scale=0.2, move=1, shift=0.1, colour=0.4, blur=0.5, occlude=0.5)
THREE = Scheme("three", ("right", "left", "nose"), (1, 0, 2), (0, 1), ((0,), (1,)), ())
NUM_FACES, STORED, CROP = 7, 64, 32


@pytest.fixture(scope="module")
def crops() -> pa.Table:
    """Seven stored crops of noise, with landmarks around the middle."""
    rng = np.random.default_rng(0)
    pixels = [encode_jpeg(rng.integers(0, 256, (STORED, STORED, 3)).astype(np.uint8), 95) for _ in range(NUM_FACES)]
    landmarks = rng.uniform(24, 40, (NUM_FACES, 3, 2)).astype(np.float32)
    landmarks[6, 2] = np.nan
    return pa.table({"pixels": pa.array(pixels), "crop_landmarks": to_column(landmarks, pa.list_(pa.float32(), 6))})


def maker(codec: str = "subpixel", **changed) -> BatchMaker:
    made = CODECS[codec](crop=CROP, stride=4, sigma=1.5)
    return replace(BatchMaker(made, STRONG, THREE, seed=0, batch_size=6), **changed)


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


@pytest.mark.parametrize("codec", sorted(CODECS))
@pytest.mark.parametrize("world", [1, 2, 3, 6])
def test_the_shares_of_all_workers_are_the_batch_of_one(crops: pa.Table, codec: str, world: int) -> None:
    whole = maker(codec).make(3, crops)
    for rank in range(world):
        share = maker(codec, rank=rank, world=world).make(3, crops)
        assert equal({name: value[rank::world] for name, value in whole.items()}, share)


def test_steps_are_the_same_wherever_they_begin(crops: pa.Table) -> None:
    through = list(local_batches(maker(), crops, 0, 6))
    resumed = list(local_batches(maker(), crops, 4, 6))
    assert (6, 2) == (len(through), len(resumed))
    assert all(equal(one, other) for one, other in zip(through[4:], resumed, strict=True))
    assert not equal(through[3], through[4])


def test_another_seed_gives_other_batches(crops: pa.Table) -> None:
    assert not equal(maker().make(0, crops), maker(seed=1).make(0, crops))


def test_a_face_is_seen_differently_in_every_epoch(crops: pa.Table) -> None:
    alone = maker(batch_size=NUM_FACES)
    first, second = (alone.faces(step, NUM_FACES) for step in (0, 1))
    views = [alone.make(step, crops)["pixels"][order == 0][0] for step, order in enumerate((first, second))]
    assert not np.array_equal(*views)


@given(num_faces=st.integers(1, 50), batch_size=st.integers(1, 60), seed=st.integers(0, 5))
def test_every_epoch_is_a_permutation_without_a_gap(num_faces: int, batch_size: int, seed: int) -> None:
    made = maker(batch_size=batch_size, seed=seed)
    steps = -(-3 * num_faces // batch_size)
    rows = np.concatenate([made.faces(step, num_faces) for step in range(steps)])
    assert steps * batch_size == len(rows)
    for epoch in range(3):
        assert list(range(num_faces)) == sorted(rows[epoch * num_faces : (epoch + 1) * num_faces])


@given(num_faces=st.integers(1, 50), batch_size=st.integers(1, 60), step=st.integers(0, 20))
def test_the_faces_of_one_source_are_those_of_its_permutations(num_faces: int, batch_size: int, step: int) -> None:
    """As before there could be several: a training on one source is what it was."""
    places = np.arange(step * batch_size, (step + 1) * batch_size)
    orders = {epoch: np.random.default_rng([4, 0, epoch]).permutation(num_faces) for epoch in set(places // num_faces)}
    expected = [int(orders[place // num_faces][place % num_faces]) for place in places]
    for mixture in (None, Mixture((num_faces,), (1.0,))):
        assert expected == maker(seed=4, batch_size=batch_size, mixture=mixture).faces(step, num_faces).tolist()


MIXED = Mixture((5, 2), (2 / 3, 1 / 3))  # of the seven crops, with two faces in six of the second source


def test_of_several_sources_every_step_has_its_shares_and_each_source_its_own_order() -> None:
    made = maker(mixture=MIXED)
    steps = [made.faces(step, NUM_FACES) for step in range(5)]
    assert [2] * 5 == [int((rows >= 5).sum()) for rows in steps]
    first = np.concatenate([rows[rows < 5] for rows in steps]).reshape(4, 5)
    assert [[0, 1, 2, 3, 4]] * 4 == [sorted(epoch) for epoch in first.tolist()]
    second = np.concatenate([rows[rows >= 5] for rows in steps]).reshape(5, 2)
    assert [[5, 6]] * 5 == [sorted(epoch) for epoch in second.tolist()]
    assert 1 < len({tuple(epoch) for epoch in first.tolist()})


@pytest.mark.parametrize("world", [1, 2, 3])
def test_several_sources_are_shared_out_among_workers_and_resumed_as_one_is(crops: pa.Table, world: int) -> None:
    through = [maker(mixture=MIXED).make(step, crops) for step in range(4)]
    for rank in range(world):
        resumed = local_batches(maker(mixture=MIXED, rank=rank, world=world), crops, 2, 4)
        for whole, share in zip(through[2:], resumed, strict=True):
            assert equal({name: value[rank::world] for name, value in whole.items()}, share)


def test_epochs_are_in_orders_of_their_own() -> None:
    made = maker(batch_size=30)
    assert not np.array_equal(made.faces(0, 30), made.faces(1, 30))


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_targets_are_the_encoded_landmarks_of_the_views(crops: pa.Table, codec: str) -> None:
    batch = maker(codec).make(0, crops)
    labelled = np.isfinite(batch["landmarks"]).all(-1)
    for name, value in CODECS[codec](crop=CROP, stride=4, sigma=1.5).encode(batch["landmarks"], labelled).items():
        np.testing.assert_array_equal(value, batch[name])


def test_a_batch_is_bytes_and_floats_of_the_codecs_crop(crops: pa.Table) -> None:
    batch = maker().make(0, crops)
    assert ((6, 3, CROP, CROP), np.uint8) == (batch["pixels"].shape, batch["pixels"].dtype)
    assert ((6, 3, 2), np.float32) == (batch["landmarks"].shape, batch["landmarks"].dtype)


def test_a_landmark_without_a_place_has_weight_0(crops: pa.Table) -> None:
    weight = maker().plain(crops)["weight"]
    assert [1.0] * (3 * NUM_FACES - 1) + [0.0] == weight.ravel().tolist()


def test_plain_faces_are_the_middle_of_the_stored_crops_in_order(crops: pa.Table) -> None:
    batch = maker().plain(crops)
    for i in range(NUM_FACES):
        stored = decode_own(crops.column("pixels")[i].as_buffer())
        # By hand: of 64 px, the middle 32 are 16 to 47.
        np.testing.assert_array_equal(stored[16:48, 16:48].transpose(2, 0, 1), batch["pixels"][i])
        np.testing.assert_allclose(
            np.reshape(crops.column("crop_landmarks")[i].as_py(), (3, 2)) - 16, batch["landmarks"][i], atol=1e-5
        )


def test_without_augmentation_a_step_is_made_of_plain_faces(crops: pa.Table) -> None:
    made = maker(augment=NO_AUGMENT)
    rows, plain = made.faces(2, NUM_FACES), made.plain(crops)
    assert equal({name: value[rows] for name, value in plain.items()}, made.make(2, crops))


def test_shards_are_read_in_their_order_without_what_training_does_not_need(tmp_path: Path, crops: pa.Table) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for i, (first, last) in enumerate([(0, 3), (3, 5), (5, 7)]):
        shard = crops.slice(first, last - first).append_column("face", pa.array(["x"] * (last - first)))
        pq.write_table(shard, folder / f"train-{i:05d}-of-00003.parquet")
    pq.write_table(crops.slice(0, 1), folder / "val-00000-of-00001.parquet")
    loaded = Shards.of(folder, "train").held()
    assert ["pixels", "crop_landmarks"] == loaded.column_names
    assert crops.column("pixels").to_pylist() == loaded.column("pixels").to_pylist()
    assert equal(maker().make(1, crops), maker().make(1, loaded))


class Counted:
    """A table that lets single rows be looked at, and counts them; it cannot be copied or converted whole."""

    def __init__(self, table: pa.Table) -> None:
        self.table, self.looked_at = table, {name: [] for name in table.column_names}

    def __len__(self) -> int:
        return len(self.table)

    def column(self, name: str) -> Counted.Column:
        return Counted.Column(self, name)

    class Column:
        def __init__(self, counted: Counted, name: str) -> None:
            self.values, self.rows = counted.table.column(name), counted.looked_at[name]

        def __getitem__(self, row: int) -> pa.Scalar:
            self.rows.append(row)
            return self.values[row]


def test_a_step_looks_at_its_own_rows_and_at_no_others(crops: pa.Table) -> None:
    # Else a step would cost as much as the whole split is large, and fail above 2 GiB of pixels.
    counted, made = Counted(crops), maker(batch_size=3, num_views=2)
    assert equal(made.make(5, crops), made.make(5, counted))
    rows = made.faces(5, NUM_FACES).tolist()
    assert rows == counted.looked_at["crop_landmarks"]
    assert sorted([0, *rows]) == sorted(counted.looked_at["pixels"])  # the first tells the side of all


def test_a_split_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no val shards, as preprocess writes them$"):
        Shards.of(tmp_path, "val")


@pytest.fixture(scope="module")
def marked(crops: pa.Table) -> pa.Table:
    """The crops with flags: all visible but the first landmark of each, nothing said of the last face."""
    flags = np.ones((NUM_FACES, 3), np.float32)
    flags[:, 0], flags[6] = 0, np.nan
    return crops.append_column("visible", to_column(flags, pa.list_(pa.float32(), 3)))


def test_plain_batches_say_what_the_crops_do(marked: pa.Table) -> None:
    flags = maker(visibility=True).plain(marked)["visible"]
    np.testing.assert_array_equal([[0, 1, 1]] * 6 + [[np.nan] * 3], flags)
    assert np.float32 == flags.dtype


@pytest.mark.parametrize("num_views", [1, 2])
def test_flags_go_with_their_landmarks_and_change_nothing_else(marked: pa.Table, num_views: int) -> None:
    augment = replace(STRONG, occlude=0, scale=0, shift=0)  # no landmark leaves the view
    made = maker(visibility=True, num_views=num_views, augment=augment)
    batch, plain = made.make(3, marked), maker(num_views=num_views, augment=augment).make(3, marked)
    flags = batch.pop("visible")
    assert equal(plain, batch)
    rows = made.faces(3, NUM_FACES).repeat(num_views)
    mirrored = (flags[:, 1] == 0).tolist()  # the first landmark is called the second there
    assert {True, False} == set(mirrored)
    for row, flag, flipped in zip(rows, flags, mirrored, strict=True):
        expected = [np.nan] * 3 if row == 6 else [1, 0, 1] if flipped else [0, 1, 1]
        np.testing.assert_array_equal(expected, flag)
