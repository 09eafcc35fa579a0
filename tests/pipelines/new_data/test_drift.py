"""What faces are like, and how two sets of them differ: numbers known by hand."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from components.images import encode_jpeg
from pipelines.new_data.drift import Spread, compare, of_datasets
from pipelines.new_data.features import SCHEMA, features_of, of_training
from pipelines.new_data.table import cells, drift_markdown, header, terminal_table
from studies.inputs.crops import draw_shard


def table(dataset: str = "old", **columns: np.ndarray) -> pa.Table:
    """Rows with these features; NaN for the others."""
    count = len(next(iter(columns.values())))
    names = SCHEMA.names[2:]
    values = {name: columns.get(name, np.full(count, np.nan)) for name in names}
    return pa.table({"dataset": [dataset] * count, "face": [str(i) for i in range(count)], **values}, SCHEMA)


def row(pixels: np.ndarray, box: list[float], landmarks: np.ndarray) -> pa.Table:
    """A row of a shard, as far as features need it."""
    return pa.table(
        {
            "face": ["a"],
            "box": pa.array([box], pa.list_(pa.float32(), 4)),
            "landmarks": pa.array([landmarks.ravel().astype(np.float32)], pa.list_(pa.float32(), 136)),
            "pixels": [encode_jpeg(pixels, 100)],
        }
    )


def test_the_features_of_a_face_are_those_of_its_square(two):
    stored, crop = two.preprocess.stored, two.preprocess.crop
    first = (stored - crop) // 2
    pixels = np.zeros((stored, stored, 3), np.uint8)
    pixels[first : first + crop, first : first + crop] = 51  # a fifth of white, and nothing around it
    (found,) = features_of(row(pixels, [10, 20, 50, 100], np.full((68, 2), np.nan)), "new", two).to_pylist()
    assert ("new", "a", 80.0) == (found["dataset"], found["face"], found["size_px"])
    assert pytest.approx(0.2, abs=0.005) == found["brightness"]
    assert pytest.approx(0, abs=60) == found["sharpness"]  # JPEG rings a little at the square's edge
    assert np.isnan(found["yaw_deg"])


def test_a_blurred_face_is_less_sharp(two):
    side = two.preprocess.stored
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 1)).repeat(3, axis=2).astype(np.uint8)
    blurred = np.full_like(noise, 128)
    sharp, flat = (
        features_of(row(each, [0, 0, 9, 9], np.zeros((68, 2))), "a", two)["sharpness"][0].as_py()
        for each in (noise, blurred)
    )
    # Noise of variance s: 4 neighbours of weight 1 and the middle of weight -4 give 20 s, and 256 levels have (256^2 - 1) / 12.
    assert pytest.approx(20 * (256**2 - 1) / 12, rel=0.1) == sharp
    assert pytest.approx(0, abs=1) == flat


def test_the_distance_is_the_largest_difference_of_the_shares_below_a_value():
    old, new = np.arange(10.0), np.arange(10.0) + 4
    drift = compare(table(size_px=new), table(size_px=old), ("new", "old"))
    (shift,) = drift.shifts  # the others have no values
    # Below 4 are four of ten old faces and no new one.
    assert (0.4, "size_px", 10, 10) == (pytest.approx(shift.distance), shift.feature, drift.num_new, drift.num_old)
    assert Spread(4.5, pytest.approx(0.45), pytest.approx(8.55)) == shift.old
    assert Spread(8.5, pytest.approx(4.45), pytest.approx(12.55)) == shift.new


def test_the_same_faces_have_not_drifted_and_a_face_without_a_feature_is_left_out():
    values = np.append(np.arange(10.0), np.nan)
    (shift,) = compare(table(yaw_deg=values), table(yaw_deg=values[:-1]), ("new", "old")).shifts
    assert (0.0, 1.0) == (shift.distance, shift.p)
    assert () == compare(table(yaw_deg=values[:4]), table(yaw_deg=values), ("new", "old")).shifts  # too few to tell


def test_datasets_are_held_against_the_one_with_the_largest_share(two):
    old, new = (two.datasets[name].model_copy(update={"share": share}) for name, share in (("old", 0.7), ("new", 0.3)))
    params = two.model_copy(update={"datasets": {"new": new, "old": old}})
    both = pa.concat_tables([table(name, size_px=np.arange(9.0)) for name in ("old", "new")])
    assert [("new", "old")] == [(drift.new, drift.old) for drift in of_datasets(both, params)]
    assert [] == of_datasets(table("old", size_px=np.arange(9.0)), params)
    assert [] == of_datasets(SCHEMA.empty_table(), params)


def test_training_faces_are_taken_evenly_from_all_shards(two, tmp_path, monkeypatch):
    monkeypatch.setattr("studies.inputs.crops.PICTURE", 128)  # drawn in a moment
    (tmp_path / "old").mkdir()
    for i, (first, count) in enumerate(((0, 3), (3, 1), (4, 5))):
        draw_shard(tmp_path / f"old/train-0000{i}-of-00003.parquet", two, count, first)
    monkeypatch.setattr("pipelines.new_data.features.NUM_FACES", 4)
    found = of_training(tmp_path, two)
    # Of nine rows the first, the last, and two between, 2.67 and 5.33.
    assert [f"00000{row}.jpg" for row in (0, 3, 5, 8)] == found.column("face").to_pylist()
    assert ["old"] * 4 == found.column("dataset").to_pylist()
    monkeypatch.setattr("pipelines.new_data.features.NUM_FACES", 100)
    assert 9 == len(of_training(tmp_path, two))


def test_the_table_fits_80_columns_and_shows_what_names_hold():
    old, new = np.arange(100.0) + 100, np.arange(100.0) + 1000
    drift = compare(table(size_px=new), table(size_px=old), ("new\x1b[2J|", "a_name_of_a_dataset_that_is_long"))
    assert ("size, px", "1,050 (1,005 to 1,094)", "150 (105 to 194)", "1.00", "<0.001") == cells(drift.shifts[0])
    bright = compare(table(brightness=new / 2000), table(brightness=old / 400), ("new", "old")).shifts[0]
    assert ("brightness, %", "52 (50 to 55)", "37 (26 to 49)") == cells(bright)[:3]
    assert "new\\x1b[2J|, 100 faces" == header(drift)[1]
    out = io.StringIO()
    Console(file=out, width=80).print(terminal_table(drift))
    assert 80 == max(map(len, out.getvalue().splitlines()))
    first, _, last = drift_markdown(drift).splitlines()
    assert first.startswith("| median (5% to 95%) | new\\x1b[2J\\|, 100 faces | ")
    assert "| size, px | 1,050 (1,005 to 1,094) | 150 (105 to 194) | 1.00 | <0.001 |" == last
