"""Crops, shards and models that are not a recipe's are refused before anything is trained, measured or written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.evaluate import check_model
from pipelines.own_crops import check_crops
from pipelines.params import Params, load_params
from pipelines.runtime.environment import ROOT
from pipelines.runtime.tables import read_footer, shards
from studies.inputs.crops import draw_shard
from studies.inputs.recipe import with_changes


@pytest.fixture(scope="module")
def own() -> Params:
    return load_params(ROOT / "tests/tiny.yaml")


@pytest.fixture(scope="module")
def crops(own: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crops")
    (folder / "synthetic").mkdir()
    draw_shard(folder / "synthetic/train-00000-of-00001.parquet", own, 2)
    return folder


def test_those_of_the_recipe_pass(crops: Path, own: Params) -> None:
    check_crops(crops, "train", own)
    check_model(own.model(), own)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scheme": "wflw98", "datasets": {"synthetic": {"reader": "synthetic", "scheme": "wflw98"}}}, "holds faces of 68 landmarks; recipe 'tiny' is for wflw98"),
        ({"preprocess": {"margin": 2.0}}, r"holds crops of \d+ px; recipe 'tiny' stores \d+ px: preprocess by that recipe"),
    ],
)  # fmt: skip
def test_crops_of_another_recipe_are_refused(crops: Path, own: Params, changes: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_crops(crops, "train", with_changes(own, changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preprocess": {"expand": 2.0}}, "preprocess.expand is 2.0 there and"),
        ({"preprocess": {"crop": 128}}, "preprocess.crop is 128 there and"),
    ],
)
def test_a_model_of_another_recipe_is_not_evaluated(own: Params, changes: dict, said: str) -> None:
    with pytest.raises(
        ValueError, match=f"^the model is not of recipe 'tiny': {said}.* Evaluate it by its own recipe$"
    ):
        check_model(with_changes(own, changes).model(), own)


@pytest.mark.parametrize("names", [["00000-of-00002"], ["00001-of-00002"], ["00000-of-00001", "00000-of-00002"]])
def test_a_part_of_the_shards_is_not_taken_for_all(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / f"train-{name}.parquet").touch()
    with pytest.raises(ValueError, match=r"shards are missing, or some are of another cut; preprocess again$"):
        shards(tmp_path, "train")


@pytest.mark.parametrize("size", [0, 100, -100])
def test_a_damaged_footer_is_named_with_the_way_out(crops: Path, tmp_path: Path, size: int) -> None:
    path = Path(shutil.copy(crops / "synthetic/train-00000-of-00001.parquet", tmp_path))
    whole = path.read_bytes()
    # Empty, cut off, and with bytes of its footer overwritten.
    path.write_bytes(whole[:size] if size >= 0 else whole[: size - 200] + bytes(200) + whole[size:])
    with pytest.raises(
        ValueError, match=rf"^{path}: .*; `rm {path}`, and the next retraining brings it back or makes it again$"
    ):
        read_footer(path)
