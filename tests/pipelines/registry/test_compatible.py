"""Which models can be trained further by which params: what is refused, and what may differ and is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.codecs import CODECS
from components.model import ModelConfig
from components.networks import NETWORKS
from components.schemes import SCHEMES
from pipelines.registry.compatible import compare

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


@pytest.mark.parametrize("parents", [False, True])
def test_a_start_may_say_which_landmarks_are_visible_or_not(parents: bool) -> None:
    parent, own = (replace(PLAIN, visibility=says) for says in (parents, not parents))
    assert [f"loss.visibility is {parents} there and {not parents} here"] == compare("P", parent, own)
