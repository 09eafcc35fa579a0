"""Preprocess without Ray: where shards are cut, and what stands in one."""

from __future__ import annotations

from pathlib import Path

import cv2
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.crops import crop_affine
from components.geometry import apply, invert
from components.images import decode_own
from components.samples import Box
from pipelines.params import Params, SourceParams, load_params
from pipelines.preprocess import marks_hidden, plan_shards, write_shard
from pipelines.runtime.environment import ROOT
from pipelines.runtime.tables import face_fields, from_column

COUNTS = st.fixed_dictionaries({"train": st.integers(0, 200), "val": st.integers(0, 40), "test": st.integers(0, 40)})


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(ROOT / "recipes" / "demo.yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures with a white dot of 3 px deviation at (60, 50)."""
    root = tmp_path_factory.mktemp("pictures")
    rows, columns = np.mgrid[:100, :120]
    dot = np.rint(255 * np.exp(-((columns - 60) ** 2 + (rows - 50) ** 2) / 18)).astype(np.uint8)
    for i in range(5):
        assert cv2.imwrite(str(root / f"{i}.png"), np.repeat(dot[..., None], 3, axis=-1))
    return root


def only(params: Params) -> SourceParams:
    """The one dataset of a recipe."""
    return next(iter(params.datasets.values()))


def annotations(num: int = 5) -> pa.Table:
    """Faces of 68 landmarks in the square (40, 30) to (80, 70), whose middle is the dot."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(num):
        landmarks = rng.uniform([40, 30], [80, 70], (68, 2)).astype(np.float32)
        landmarks[:2], landmarks[2] = [[40, 30], [80, 70]], [60, 50]
        row = {
            "face": f"f{i}",
            "image": f"{i}.png",
            "subject": f"s{i}",
            "subsets": ["a"],
            "landmarks": landmarks.ravel(),
        }
        rows.append({**row, "box": [42.0, 32.0, 78.0, 68.0]})
    return pa.Table.from_pylist(rows, pa.schema([*face_fields(68), ("box", pa.list_(pa.float32()))]))


def test_shards_are_cut_by_row_number() -> None:
    # By hand: 5 rows by 2 are 2, 2 and 1.
    assert [
        {"split": "train", "first": 0, "last": 2, "name": "train-00000-of-00003.parquet"},
        {"split": "train", "first": 2, "last": 4, "name": "train-00001-of-00003.parquet"},
        {"split": "train", "first": 4, "last": 5, "name": "train-00002-of-00003.parquet"},
        {"split": "val", "first": 0, "last": 1, "name": "val-00000-of-00001.parquet"},
    ] == plan_shards({"train": 5, "val": 1, "test": 0}, 2)


def test_of_test_faces_alone_there_are_test_shards_alone() -> None:
    # By hand: 507 rows by 256 are 256 and 251.
    assert [
        {"split": "test", "first": 0, "last": 256, "name": "test-00000-of-00002.parquet"},
        {"split": "test", "first": 256, "last": 507, "name": "test-00001-of-00002.parquet"},
    ] == plan_shards({"train": 0, "val": 0, "test": 507}, 256)


@given(counts=COUNTS, faces_per_shard=st.integers(1, 64))
def test_every_row_is_in_exactly_one_shard(counts: dict[str, int], faces_per_shard: int) -> None:
    shards = plan_shards(counts, faces_per_shard)
    for split, count in counts.items():
        rows = [row for shard in shards if shard["split"] == split for row in range(shard["first"], shard["last"])]
        assert list(range(count)) == rows
    assert all(1 <= shard["last"] - shard["first"] <= faces_per_shard for shard in shards)
    assert len(shards) == len({shard["name"] for shard in shards})
    names = [shard["name"] for shard in shards if shard["split"] == "train"]
    assert sorted(names) == names  # training reads them in the order of their names


def test_a_row_is_a_face_cut_out_with_its_landmarks(tmp_path: Path, folder: Path, params: Params) -> None:
    assert 5 == write_shard(annotations(), folder, tmp_path / "x.parquet", params, only(params))
    rows = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert [f"f{i}" for i in range(5)] == [row["face"] for row in rows]
    for row, before in zip(rows, annotations().to_pylist(), strict=True):
        assert before["landmarks"] == row["landmarks"]
        assert (before["subject"], ["a"], [40.0, 30.0, 80.0, 70.0]) == (row["subject"], row["subsets"], row["box"])
        marks, affine = np.reshape(row["crop_landmarks"], (68, 2)), np.reshape(row["affine"], (2, 3))
        np.testing.assert_allclose(apply(invert(affine), marks).ravel(), row["landmarks"], atol=1e-3)
        pixels = decode_own(row["pixels"]).astype(np.float64).sum(-1)
        assert (params.preprocess.stored, params.preprocess.stored) == pixels.shape
        grid_y, grid_x = np.indices(pixels.shape)
        # Landmark 2 is the dot; JPEG's gray around it is not counted.
        weight = np.where(pixels > 60, pixels, 0)
        seen = [(weight * grid_x).sum() / weight.sum(), (weight * grid_y).sum() / weight.sum()]
        np.testing.assert_allclose(seen, marks[2], atol=0.05)


def test_the_middle_of_a_stored_crop_is_the_crop_that_is_predicted_on(
    tmp_path: Path, folder: Path, params: Params
) -> None:
    write_shard(annotations(1), folder, tmp_path / "x.parquet", params, only(params))
    affine = np.reshape(pq.read_table(tmp_path / "x.parquet").to_pylist()[0]["affine"], (2, 3))
    sizes = params.preprocess
    border = (sizes.stored - sizes.crop) / 2
    assert border == int(border)
    expected = crop_affine(Box(40, 30, 80, 70), sizes.crop, sizes.expand)
    # Boxes are stored in float32.
    np.testing.assert_allclose(expected + np.array([0, 0, border]), affine, atol=1e-4)


def test_the_datasets_own_boxes_are_taken_where_the_params_say_so(tmp_path: Path, folder: Path, params: Params) -> None:
    own = params.model_copy(update={"preprocess": params.preprocess.model_copy(update={"box": "annotated"})})
    write_shard(annotations(1), folder, tmp_path / "x.parquet", own, only(params))
    assert [[42.0, 32.0, 78.0, 68.0]] == pq.read_table(tmp_path / "x.parquet").column("box").to_pylist()


def test_the_datasets_own_boxes_travel_along_whatever_the_crop_is_cut_around(
    tmp_path: Path, folder: Path, params: Params
) -> None:
    faces = annotations(2)
    boxes = pa.array([[42.0, 32.0, 78.0, 68.0], None], pa.list_(pa.float32()))
    write_shard(
        faces.set_column(faces.schema.get_field_index("box"), "box", boxes),
        folder,
        tmp_path / "x.parquet",
        params,
        only(params),
    )
    rows = pq.read_table(tmp_path / "x.parquet")
    np.testing.assert_array_equal([[42, 32, 78, 68], [np.nan] * 4], rows.column("annotated_box").to_pylist())
    assert [[40.0, 30.0, 80.0, 70.0]] * 2 == rows.column("box").to_pylist()


def test_equal_rows_give_equal_bytes_also_as_a_part_of_more(tmp_path: Path, folder: Path, params: Params) -> None:
    write_shard(annotations(5).slice(1, 3), folder, tmp_path / "part.parquet", params, only(params))
    write_shard(annotations(4).slice(1, 3), folder, tmp_path / "again.parquet", params, only(params))
    write_shard(annotations(4).slice(0, 3), folder, tmp_path / "other.parquet", params, only(params))
    assert (tmp_path / "part.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()
    assert (tmp_path / "part.parquet").read_bytes() != (tmp_path / "other.parquet").read_bytes()


def test_a_picture_that_is_gone_is_named(tmp_path: Path, params: Params) -> None:
    with pytest.raises(ValueError, match=r"^0\.png: unreadable image: No such file or directory$"):
        write_shard(annotations(1), tmp_path, tmp_path / "x.parquet", params, only(params))


def test_the_box_is_of_the_landmarks_that_have_a_position_and_the_others_stay_nan(
    tmp_path: Path, folder: Path, params: Params
) -> None:
    rows = annotations(2).to_pylist()
    rows[0]["landmarks"][6:12] = [np.nan] * 6  # landmarks 3, 4 and 5
    table = pa.Table.from_pylist(rows, annotations(1).schema)
    write_shard(table, folder, tmp_path / "x.parquet", params, only(params))
    first, second = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert [40.0, 30.0, 80.0, 70.0] == first["box"] == second["box"]
    for name in ("landmarks", "crop_landmarks"):
        marks = np.reshape(first[name], (68, 2))
        assert [3, 4, 5] == np.flatnonzero(np.isnan(marks).any(axis=1)).tolist()
        assert np.isfinite(second[name]).all()


def test_faces_of_another_markup_have_the_landmarks_that_both_share_and_their_own_box(
    tmp_path: Path, folder: Path, params: Params
) -> None:
    fields = params.model_dump()
    fields |= {"scheme": "wflw98", "datasets": {"own": {"reader": "synthetic", "share": 0.5}}}
    fields["datasets"]["other"] = {"reader": "300w", "scheme": "ibug68", "share": 0.5, "held_out": False}
    mixed = Params.model_validate(fields)
    write_shard(annotations(2), folder, tmp_path / "x.parquet", mixed, mixed.source("other"))
    write_shard(annotations(2), folder, tmp_path / "own.parquet", params, only(params))
    mapped, own = (pq.read_table(tmp_path / name) for name in ("x.parquet", "own.parquet"))
    # By hand, of the published figures: the chin is 8 of 68 and 16 of 98, the outer corner of the right eye 36 and 60.
    for column in ("landmarks", "crop_landmarks"):
        before, after = from_column(own, column, 68, 2), from_column(mapped, column, 98, 2)
        np.testing.assert_array_equal(before[:, [8, 36]], after[:, [16, 60]])
        assert [30] * 2 == np.isfinite(after).all(axis=2).sum(axis=1).tolist()
    for column in ("pixels", "box", "affine", "face"):
        assert own.column(column).equals(mapped.column(column))


def test_pictures_inside_a_file_are_read_by_their_dataset(tmp_path: Path, params: Params) -> None:
    # As MATLAB 7.3 writes a cell array of pictures: references to transposed arrays.
    picture = np.zeros((100, 120, 3), np.uint8)
    picture[50, 60] = 255
    with h5py.File(tmp_path / "COFW_test_color.mat", "w") as mat:
        mat["a"] = picture.T
        mat["IsT"] = np.array([[mat["a"].ref]], h5py.ref_dtype)
    rows = [{**annotations(1).to_pylist()[0], "image": "COFW_test_color.mat#IsT/1"}]
    cofw = only(params).model_copy(update={"reader": "cofw"})
    write_shard(pa.Table.from_pylist(rows, annotations(1).schema), tmp_path, tmp_path / "x.parquet", params, cofw)
    (row,) = pq.read_table(tmp_path / "x.parquet").to_pylist()
    pixels = decode_own(row["pixels"]).sum(axis=-1)
    brightest = np.unravel_index(pixels.argmax(), pixels.shape)[::-1]
    np.testing.assert_allclose(brightest, np.reshape(row["crop_landmarks"], (68, 2))[2], atol=1.5)


def flagged(table: pa.Table, hidden: list[list[int]]) -> pa.Table:
    """The annotations with a flag for each landmark: these are hidden, of each face."""
    flags = [[k not in of for k in range(68)] for of in hidden]
    return table.append_column("visible", pa.array(flags, pa.list_(pa.bool_(), 68)))


def test_flags_go_along_where_the_dataset_marks_hidden_landmarks(tmp_path: Path, folder: Path, params: Params) -> None:
    faces = flagged(annotations(2), [[3, 5], []])
    for marks, expected in ((True, [[3, 5], []]), (False, None)):
        write_shard(faces, folder, tmp_path / "x.parquet", params, only(params), marks)
        flags = from_column(pq.read_table(tmp_path / "x.parquet"), "visible", 68)
        if expected is None:
            assert np.isnan(flags).all()
        else:
            assert expected == [np.flatnonzero(of == 0).tolist() for of in flags]
            assert 2 * 68 - 2 == (flags == 1).sum()


def test_of_landmarks_that_a_markup_lacks_nothing_is_said(tmp_path: Path, folder: Path, params: Params) -> None:
    fields = params.model_dump() | {"scheme": "wflw98"}
    fields["datasets"] = {
        "own": {"reader": "synthetic", "share": 0.5},
        "other": {"reader": "csv", "scheme": "ibug68", "share": 0.5, "held_out": False},
    }
    mixed = Params.model_validate(fields)
    faces = flagged(annotations(1), [[8, 20]])
    write_shard(faces, folder, tmp_path / "x.parquet", mixed, mixed.source("other"), marks_hidden=True)
    (flags,) = from_column(pq.read_table(tmp_path / "x.parquet"), "visible", 98)
    # By hand: the chin, 8 of 68, is 16 of 98; 20 is in a brow, which the two do not share; 30 landmarks they do.
    assert ([16], 29, 68) == (np.flatnonzero(flags == 0).tolist(), (flags == 1).sum(), np.isnan(flags).sum())


@pytest.mark.parametrize(("hidden", "marks"), [([[], []], False), ([[], [7]], True)])
def test_a_dataset_in_which_nothing_is_hidden_says_nothing_of_it(hidden: list[list[int]], marks: bool) -> None:
    assert marks == marks_hidden(flagged(annotations(2), hidden))
