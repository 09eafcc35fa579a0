"""Where a result comes from: what changes the key of a training, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.params import Params, load_params
from pipelines.registry.lineage import CODE, data_version, hash_files, training_key
from pipelines.runtime.environment import ROOT


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    for name in ("train-00000-of-00001.parquet", "val-00000-of-00001.parquet"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(ROOT / "recipes" / "demo.yaml")


def changed(params: Params, section: str, **values) -> Params:
    fields = params.model_dump()
    fields[section] = {**fields[section], **values}
    return Params.model_validate(fields)


def test_files_are_hashed_in_one_order(crops: Path) -> None:
    paths = sorted(crops.iterdir())
    assert hash_files(paths, crops) == hash_files(paths[::-1], crops)


def test_a_hash_depends_on_names_and_on_bytes_but_not_on_the_folder(crops: Path, tmp_path_factory) -> None:
    before = hash_files(crops.iterdir(), crops)
    moved = tmp_path_factory.mktemp("moved")
    for path in crops.iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    assert before == hash_files(moved.iterdir(), moved)
    (moved / "val-00000-of-00001.parquet").rename(moved / "val-00000-of-00002.parquet")
    renamed = hash_files(moved.iterdir(), moved)
    (moved / "val-00000-of-00002.parquet").write_bytes(b"other")
    assert 3 == len({before, renamed, hash_files(moved.iterdir(), moved)})


def test_a_key_is_16_hexadecimal_digits_and_the_same_again(params: Params, crops: Path) -> None:
    key = training_key(params, crops)
    assert key == training_key(params, crops)
    assert 16 == len(key)
    assert set(key) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("augment", {"flip": 0.25}),
        ("codec", {"sigma": 1.25}),
        ("network", {"width": 24}),
        ("loss", {"heatmap": "mse"}),
        ("train", {"seed": 1}),
        ("train", {"num_workers": 1}),
        ("preprocess", {"expand": 1.4}),
        ("dataset", {"scheme": "wflw98"}),
        ("evaluate", {"protocol": "inter_pupil"}),
    ],
)
def test_whatever_decides_a_training_changes_its_key(params: Params, crops: Path, section: str, values: dict) -> None:
    assert training_key(params, crops) != training_key(changed(params, section, **values), crops)


def test_a_changed_crop_changes_the_key(params: Params, crops: Path) -> None:
    before = training_key(params, crops)
    (crops / "train-00000-of-00001.parquet").write_bytes(b"other")
    assert before != training_key(params, crops)


@pytest.mark.parametrize(("section", "values"), [("promotion", {"confidence": 0.9}), ("ingest", {"min_inside": 0.25})])
def test_what_comes_after_or_shows_in_the_crops_does_not(
    params: Params, crops: Path, section: str, values: dict
) -> None:
    assert training_key(params, crops) == training_key(changed(params, section, **values), crops)


def test_the_code_that_is_hashed_is_there() -> None:
    assert [] == [pattern for pattern in CODE if not list(ROOT.glob(pattern))]


def test_the_version_of_the_data_is_what_dvc_wrote(tmp_path: Path) -> None:
    (tmp_path / "data.dvc").write_text("outs:\n- md5: 0123abcd.dir\n  path: data\n")
    assert "0123abcd.dir" == data_version(tmp_path / "data.dvc")


def test_before_the_first_dvc_add_there_is_none(tmp_path: Path) -> None:
    assert "none" == data_version(tmp_path / "data.dvc")
