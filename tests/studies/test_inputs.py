"""What the studies start from: differences from a recipe, and crops that are the recipe's."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.codecs import CODECS
from components.synthetic import draw_face
from pipelines.params import load_params
from pipelines.runtime.tables import from_column
from studies.inputs.crops import draw_shard, read_crops, train_crops
from studies.inputs.recipe import with_changes

TINY = Path(__file__).parents[1] / "tiny.yaml"


def test_keys_change_one_by_one_and_a_part_that_is_named_anew_as_a_whole() -> None:
    base = load_params(TINY)
    codec = {"name": "rounded", "stride": 4, "sigma": 1.0}
    changed = with_changes(base, {"train": {"epochs": 2}, "codec": codec})
    fields, before = changed.model_dump(), base.model_dump()
    assert {**before["train"], "epochs": 2} == fields["train"]
    # Nothing is left of the base's window of 7 and its decoder.
    assert CODECS["rounded"](crop=64, stride=4, sigma=1.0) == changed.model().codec
    assert all(before[name] == fields[name] for name in before if name not in ("train", "codec"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"loss": {"heatmap": "nope"}}, "loss.*unknown heatmap loss 'nope'; known: "),
        ({"codec": {"name": "nope"}}, "unknown codec 'nope'; known: "),
        ({"codec": {"name": "rounded", "stride": 8, "sigma": 1.0}}, "the network's stride is 4, the codec's 8"),
    ],
)
def test_changes_that_make_no_recipe_are_one_sentence(changes: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        with_changes(load_params(TINY), changes)
    assert str(caught.value).startswith("recipe 'tiny', changed for this study: ")
    assert 1 == len(str(caught.value).splitlines())


def test_drawn_crops_are_as_preprocess_stores_them(tmp_path: Path) -> None:
    params = load_params(TINY)
    (tmp_path / "synthetic").mkdir()
    draw_shard(tmp_path / "synthetic/test-00000-of-00001.parquet", params, 2, first=3)
    crops = read_crops(tmp_path, "test", params)
    truth = from_column(crops, "landmarks", 68, 2)
    np.testing.assert_array_equal(draw_face(0, 4, 512).landmarks["ibug68"].astype(np.float32), truth[1])
    # By hand: the crop's centre is the centre of the landmarks' box; it has `expand * margin` of its longer sides.
    side, cropped = params.preprocess.stored, from_column(crops, "crop_landmarks", 68, 2)
    low, high = cropped.min(axis=1), cropped.max(axis=1)
    np.testing.assert_allclose((low + high) / 2, (side - 1) / 2, atol=1e-3)
    assert pytest.approx(params.preprocess.crop / params.preprocess.expand, abs=1e-2) == (high - low).max()


def test_without_a_folder_faces_are_drawn_and_with_one_they_are_its_own(small) -> None:
    params = load_params(small.root / "recipes/smallest.yaml")
    faces = [train_crops(folder, params, 2) for folder in (None, small.root / "crops")]
    # The fixture's training faces are the first two drawn.
    assert faces[0].equals(faces[1])


@pytest.mark.parametrize(
    ("changes", "folder", "count", "sentence"),
    [
        ({}, "away", 1, "away/synthetic has no train shards, as preprocess writes them"),
        ({}, "crops", 3, "crops has 2 training faces, fewer than 3"),
        (
            {"scheme": "ibug68", "datasets": {"synthetic": {"reader": "synthetic"}}},
            "crops",
            1,
            "crops/synthetic holds faces of 98 landmarks; recipe 'tiny' is for ibug68",
        ),
        (
            {"preprocess": {"margin": 2.0}},
            "crops",
            1,
            "crops/synthetic holds crops of 106 px; recipe 'tiny' stores 128 px: ",
        ),
        (
            {"scheme": "cofw29", "datasets": {"cofw": {"reader": "cofw"}}},
            None,
            1,
            "no faces are drawn in scheme 'cofw29' of recipe 'tiny' (ibug68, wflw98 are): give shards that preprocess",
        ),
    ],
)
def test_crops_of_another_recipe_are_refused(changes, folder, count, sentence, small, monkeypatch) -> None:
    monkeypatch.chdir(small.root)
    params = with_changes(load_params(small.root / "recipes/smallest.yaml"), changes)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        train_crops(folder and Path(folder), params, count)


def test_crops_that_say_nothing_of_visibility_are_refused_where_it_is_learnt(tmp_path: Path) -> None:
    params, path = load_params(TINY), tmp_path / "synthetic/test-00000-of-00001.parquet"
    path.parent.mkdir()
    draw_shard(path, params, 1)
    seeing = with_changes(params, {"loss": {"visibility": True}})
    assert 1 == len(read_crops(tmp_path, "test", seeing))
    pq.write_table(pq.read_table(path).drop_columns("visible"), path)
    assert 1 == len(read_crops(tmp_path, "test", params))
    with pytest.raises(
        ValueError, match=r"does not say which landmarks are visible, as recipe 'tiny' needs it: preprocess again$"
    ):
        read_crops(tmp_path, "test", seeing)
