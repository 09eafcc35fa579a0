"""Kept pixels: the same batches bit for bit, held once, and only where they fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from components.augment import Augment
from components.codecs import CODECS
from components.images import decode_own, encode_jpeg
from components.schemes import Scheme
from pipelines.runtime.tables import to_column
from pipelines.training import decoded
from pipelines.training.batches import Batch, BatchMaker, local_batches, ray_batches
from pipelines.training.crops import Shards, Streamed
from pipelines.training.decoded import decoded_bytes, keep_decoded, pixels_of, room_on_ray, stored_side, with_pixels

STRONG = Augment(flip=0.5, rotate=1, rotate_deg=30, scale=0.2, move=1, shift=0.1, colour=0.4, blur=0.5, occlude=0.5)
THREE = Scheme("three", ("right", "left", "nose"), (1, 0, 2), (0, 1), ((0,), (1,)), ())
NUM_FACES, SIDE = 7, 53
# By hand: four channels of 53 x 53 px.
FACE_BYTES = 11236


def made_of(num_faces: int) -> pa.Table:
    rng = np.random.default_rng(0)
    pixels = [encode_jpeg(rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8), 95) for _ in range(num_faces)]
    landmarks = rng.uniform(20, 34, (num_faces, 3, 2)).astype(np.float32)
    return pa.table({"pixels": pa.array(pixels), "crop_landmarks": to_column(landmarks, pa.list_(pa.float32(), 6))})


@pytest.fixture(scope="module")
def crops() -> pa.Table:
    """Seven stored crops of noise, in two chunks as of two shards."""
    whole = made_of(NUM_FACES)
    return pa.concat_tables([whole.slice(0, 3), whole.slice(3)])


@pytest.fixture(params=[1, 2], ids=["one view", "two views"])
def maker(request: pytest.FixtureRequest) -> BatchMaker:
    codec = CODECS["subpixel"](crop=32, stride=4, sigma=1.5)
    return BatchMaker(codec, STRONG, THREE, seed=0, batch_size=6, num_views=request.param)


def assert_equal(ones: list[Batch], others: list[Batch]) -> None:
    for one, other in zip(ones, others, strict=True):
        assert one.keys() == other.keys()
        for name, values in one.items():
            np.testing.assert_array_equal(values, other[name])


def test_batches_are_the_same_bit_for_bit_whether_kept_or_not(crops: pa.Table, maker: BatchMaker) -> None:
    kept = with_pixels(crops)
    assert_equal(list(local_batches(maker, crops, 0, 5)), list(local_batches(maker, kept, 0, 5)))
    assert_equal([maker.plain(crops)], [maker.plain(kept)])


def test_so_they_are_through_ray_for_which_the_pixels_are_put_once(crops: pa.Table, local_ray: None) -> None:
    import ray

    maker = BatchMaker(CODECS["subpixel"](crop=32, stride=4, sigma=1.5), STRONG, THREE, seed=0, batch_size=6)
    reference = ray.put(with_pixels(crops))
    for rank in (0, 1):
        share = replace(maker, rank=rank, world=2)
        assert_equal(list(local_batches(share, crops, 0, 5)), list(ray_batches(share, reference, 0, 5)))
    # A view of the object store's memory, which nobody may write into, and no copy of it.
    assert not pixels_of(ray.get(reference).column("pixels")[0]).flags.writeable


def test_kept_pixels_are_those_that_decoding_gives(crops: pa.Table) -> None:
    kept = with_pixels(crops)
    assert (crops.column_names, len(crops)) == (kept.column_names, len(kept))
    assert crops.column("crop_landmarks").equals(kept.column("crop_landmarks"))
    assert (SIDE, SIDE) == (stored_side(crops), stored_side(kept))
    for row in range(NUM_FACES):
        expected = decode_own(crops.column("pixels")[row].as_buffer())
        np.testing.assert_array_equal(expected, pixels_of(crops.column("pixels")[row]))
        np.testing.assert_array_equal(expected, pixels_of(kept.column("pixels")[row])[..., :3])


def test_every_jpeg_is_decoded_once_and_never_again(crops: pa.Table, maker: BatchMaker, monkeypatch) -> None:
    seen: list[bytes] = []
    monkeypatch.setattr(decoded, "decode_own", lambda data: seen.append(bytes(data)) or decode_own(data))
    kept = with_pixels(crops)
    list(local_batches(maker, kept, 0, 5))
    assert sorted(crops.column("pixels").to_pylist()) == sorted(seen)


@pytest.mark.parametrize(("spare", "kept"), [(0, True), (-1, False)])
def test_faces_are_kept_if_they_fit_and_else_stay_jpegs_and_it_is_said(
    crops: pa.Table, spare: int, kept: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert NUM_FACES * FACE_BYTES == decoded_bytes(crops)
    held = keep_decoded(crops, NUM_FACES * FACE_BYTES + spare)
    assert (pa.list_(pa.uint8(), FACE_BYTES) if kept else pa.binary()) == held.column("pixels").type
    how = "once and kept" if kept else "at each use"
    # By hand: seven faces are 78,652 bytes.
    sizes = "7.87e-05 GB of pixels, room for 7.87e-05 GB"
    assert f"train: 7 faces are decoded {how}: {sizes}\n" == capsys.readouterr().out


def test_the_room_on_ray_is_half_of_its_object_store(local_ray: None) -> None:
    import ray

    assert ray.cluster_resources()["object_store_memory"] / 2 == room_on_ray()


def test_rows_that_are_streamed_stay_so_and_none_is_looked_at() -> None:
    streamed = Streamed(Shards((), (3, 4), 100))
    assert keep_decoded(streamed, 1e9) is streamed
