"""The model that a training starts from, as it is laid down: what depends on it, and what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from components.model import LandmarkModel
from components.model_file import sha256
from pipelines.params import Params
from pipelines.registry.lineage import training_key
from pipelines.registry.start import NOT_LAID_DOWN, Start, dependency, load

CHAMPION, THIRD = "models:/heatmark-tiny@champion", "models:/heatmark-tiny/3"


def starting(params: Params, asked: str) -> Params:
    return params.model_copy(update={"train": params.train.model_copy(update={"start_from": asked})})


def lay(params: Params, root: Path, asked: str, seed: int = 0, mirror_offset: float = 0.0) -> Path:
    """Lays down a model of these params, of random weights; returns its folder."""
    folder = root / "data/starts" / params.name
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    LandmarkModel(replace(params.model(), mirror_offset=mirror_offset)).save(folder)
    laid = Start(asked, "heatmark-tiny version 3", "r", "k", sha256(folder / "model.safetensors"))
    (folder / "start.json").write_text(json.dumps(asdict(laid)))
    return folder


def test_without_one_nothing_depends_on_what_is_laid_down(params: Params, tmp_path: Path) -> None:
    lay(params, tmp_path, CHAMPION)
    assert {} == dependency(params, tmp_path)
    start, weights, differences = load(params, tmp_path)
    assert (None, None, []) == (start, weights, differences)


def test_a_training_depends_on_the_weights_and_not_on_their_name(params: Params, tmp_path: Path) -> None:
    folder = lay(params, tmp_path, CHAMPION)
    by_alias = dependency(starting(params, CHAMPION), tmp_path)
    assert {"data/starts": sha256(folder / "model.safetensors")} == by_alias
    lay(params, tmp_path, THIRD)
    assert by_alias == dependency(starting(params, THIRD), tmp_path)
    lay(params, tmp_path, THIRD, seed=1)
    assert by_alias != dependency(starting(params, THIRD), tmp_path)


def test_what_is_laid_down_under_another_name_or_not_at_all_counts_as_none(params: Params, tmp_path: Path) -> None:
    assert {"data/starts": NOT_LAID_DOWN} == dependency(starting(params, CHAMPION), tmp_path)
    lay(params, tmp_path, CHAMPION)
    assert {"data/starts": NOT_LAID_DOWN} == dependency(starting(params, THIRD), tmp_path)


def test_the_key_follows_the_weights(params: Params, checkout: Path, crops: Path) -> None:
    anew = training_key(params, crops, checkout)
    lay(params, checkout, CHAMPION)
    by_alias = training_key(starting(params, CHAMPION), crops, checkout)
    assert anew == training_key(params, crops, checkout)
    assert anew != by_alias
    lay(params, checkout, THIRD)
    assert by_alias == training_key(starting(params, THIRD), crops, checkout)
    lay(params, checkout, THIRD, seed=1)
    assert by_alias != training_key(starting(params, THIRD), crops, checkout)


def test_its_weights_are_those_that_were_laid_down(params: Params, tmp_path: Path) -> None:
    folder = lay(params, tmp_path, CHAMPION)
    loaded = load(starting(params, CHAMPION), tmp_path)
    expected = LandmarkModel.load(folder).weights()
    assert loaded.weights is not None
    assert expected.keys() == loaded.weights.keys()
    assert all(torch.equal(value, loaded.weights[name]) for name, value in expected.items())
    digits = sha256(folder / "model.safetensors")[:12]
    assert [f"starts from heatmark-tiny version 3 (training k, weights {digits})"] == loaded.lines


def test_a_parent_that_has_seen_validation_faces_is_said_to(params: Params, tmp_path: Path) -> None:
    folder = lay(params, tmp_path, CHAMPION)
    note = json.loads((folder / "start.json").read_text())
    for trained_on, expected in (("train", []), ("train and val", ["train and val"])):
        (folder / "start.json").write_text(json.dumps({**note, "trained_on": trained_on}))
        _, *warnings = load(starting(params, CHAMPION), tmp_path).lines
        assert [
            f"that was trained on {splits}: where its validation faces are these, their NME is too low"
            for splits in expected
        ] == warnings


def test_a_parents_offset_that_is_neither_taken_over_nor_fitted_anew_is_said_to_be_gone(params, tmp_path):
    lay(params, tmp_path, CHAMPION, mirror_offset=0.4)
    child = starting(params, CHAMPION)
    _, said = load(child, tmp_path).lines
    assert said == (
        "its answers are moved by +0.40 px along x there, and stay where the network finds them here: train.fit_mirror_offset is false"
    )
    fitting = child.model_copy(update={"train": child.train.model_copy(update={"fit_mirror_offset": True})})
    assert 1 == len(load(fitting, tmp_path).lines)


def test_nothing_laid_down_is_said_with_the_way_out(params: Params, tmp_path: Path) -> None:
    message = "train.start_from is .*@champion, but data/starts/tiny is not there: `heatmark retrain` lays it down"
    with pytest.raises(ValueError, match=message):
        load(starting(params, CHAMPION), tmp_path)


def test_what_was_laid_down_for_another_name_is_not_taken_for_it(params: Params, tmp_path: Path) -> None:
    lay(params, tmp_path, CHAMPION)
    with pytest.raises(ValueError, match=r"train.start_from is .*/3, but data/starts/tiny is that of .*@champion: "):
        load(starting(params, THIRD), tmp_path)


def test_damaged_weights_are_refused(params: Params, tmp_path: Path) -> None:
    path = lay(params, tmp_path, CHAMPION) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    message = (
        r"model.safetensors is not the file that was laid down; `dvc checkout --force data/starts/tiny` brings it back"
    )
    with pytest.raises(ValueError, match=message):
        load(starting(params, CHAMPION), tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"asked": 1}', "\xff"])
def test_a_damaged_note_is_refused(params: Params, tmp_path: Path, text: str) -> None:
    (lay(params, tmp_path, CHAMPION) / "start.json").write_bytes(text.encode("latin-1"))
    for read in (load, dependency):
        with pytest.raises(
            ValueError, match=r"start.json is damaged: .*; `dvc checkout --force data/starts/tiny` brings it back"
        ):
            read(starting(params, CHAMPION), tmp_path)
