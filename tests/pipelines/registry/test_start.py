"""The model that a training starts from: what depends on it, what is refused, and what may differ."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from components.codecs import CODECS
from components.model import LandmarkModel, ModelConfig
from components.model_file import sha256
from components.networks import NETWORKS
from components.schemes import SCHEMES
from pipelines.params import Params
from pipelines.registry.lineage import training_key
from pipelines.registry.start import NOT_LAID_DOWN, Start, compare, dependency, load

CHAMPION, THIRD = "models:/heatmark-tiny@champion", "models:/heatmark-tiny/3"


def starting(params: Params, asked: str) -> Params:
    return params.model_copy(update={"train": params.train.model_copy(update={"start_from": asked})})


def lay(params: Params, root: Path, asked: str, seed: int = 0) -> Path:
    """Lays down a model of these params, of random weights; returns its folder."""
    folder = root / "data/starts" / params.name
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    LandmarkModel(params.model()).save(folder)
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
    message = r"model.safetensors is not the file that was laid down; `dvc checkout --force data` brings it back"
    with pytest.raises(ValueError, match=message):
        load(starting(params, CHAMPION), tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"asked": 1}', "\xff"])
def test_a_damaged_note_is_refused(params: Params, tmp_path: Path, text: str) -> None:
    (lay(params, tmp_path, CHAMPION) / "start.json").write_bytes(text.encode("latin-1"))
    for read in (load, dependency):
        with pytest.raises(ValueError, match=r"start.json is damaged: .*; `dvc checkout --force data` brings it back"):
            read(starting(params, CHAMPION), tmp_path)


SUBPIXEL = CODECS["subpixel"](crop=64, stride=4, sigma=1.0)
HIH = CODECS["hih"](crop=64, stride=4, sigma=1.0)
PLAIN = ModelConfig(SCHEMES["ibug68"], SUBPIXEL, NETWORKS["unet"](width=8), "mse", 1.3, "landmarks")
DECIMAL = replace(PLAIN, codec=HIH)


@pytest.mark.parametrize(
    ("parent", "own", "reason"),
    [
        (PLAIN, {"scheme": SCHEMES["wflw98"]}, "the scheme is ibug68 there and wflw98 here"),
        (PLAIN, {"scheme": replace(SCHEMES["ibug68"], outlines=())}, "the scheme ibug68 was another one when"),
        (PLAIN, {"network": NETWORKS["unet"](width=16)}, "network.width is 8 there and 16 here"),
        (PLAIN, {"network": NETWORKS["fan"](modules=1, depth=2)}, "network.name is unet there and fan here"),
        (PLAIN, {"codec": HIH}, "codec.name is subpixel there and hih here"),
        (PLAIN, {"codec": CODECS["rounded"](crop=64, stride=4, sigma=1.0)}, "codec.name is subpixel there and rounded"),
        (PLAIN, {"heatmap_loss": "cross_entropy"}, "loss.heatmap is mse there and cross_entropy here, whose maps are read"),
        (DECIMAL, {"codec": replace(HIH, bins="released")}, "codec.bins is floor there and released here"),
        (DECIMAL, {"codec": replace(HIH, decimal=4)}, "codec.decimal is 8 there and 4 here"),
        (DECIMAL, {"codec": replace(HIH, decimal_head="od")}, "codec.decimal_head is conv there and od here"),
        (DECIMAL, {"codec": replace(HIH, crop=128)}, "preprocess.crop is 64 there and 128 here, which changes the weights"),
    ],
)  # fmt: skip
def test_a_parent_of_another_kind_is_refused(parent: ModelConfig, own: dict, reason: str) -> None:
    with pytest.raises(
        ValueError, match=f"^P cannot be trained further by these params: .*{reason}.* Make them the same"
    ):
        compare("P", parent, replace(parent, **own))


def test_all_that_is_wrong_is_said_at_once() -> None:
    own = replace(PLAIN, scheme=SCHEMES["wflw98"], network=NETWORKS["unet"](width=16), heatmap_loss="star")
    with pytest.raises(ValueError, match=r"scheme .*; loss.heatmap .*; network.width "):
        compare("P", PLAIN, own)


@pytest.mark.parametrize(
    ("parent", "own", "said"),
    [
        (PLAIN, {}, []),
        (PLAIN, {"expand": 1.2}, ["preprocess.expand is 1.3 there and 1.2 here"]),
        (PLAIN, {"box": "annotated"}, ["preprocess.box is landmarks there and annotated here"]),
        (PLAIN, {"heatmap_loss": "adaptive_wing"}, ["loss.heatmap is mse there and adaptive_wing here"]),
        (PLAIN, {"codec": replace(SUBPIXEL, crop=128)}, ["preprocess.crop is 64 there and 128 here"]),
        (
            PLAIN,
            {"codec": replace(SUBPIXEL, sigma=1.5, window=7, temperature=5.0, decoder="dark")},
            [
                "codec.sigma is 1.0 there and 1.5 here",
                "codec.window is 5 there and 7 here",
                "codec.temperature is 10.0 there and 5.0 here",
                "codec.decoder is soft_argmax there and dark here",
            ],
        ),
        (DECIMAL, {"codec": replace(HIH, decimal_sigma=2.0)}, ["codec.decimal_sigma is 1.0 there and 2.0 here"]),
    ],
)
def test_drawing_reading_and_cropping_may_differ_and_it_is_said(parent: ModelConfig, own: dict, said: list) -> None:
    assert said == compare("P", parent, replace(parent, **own))
