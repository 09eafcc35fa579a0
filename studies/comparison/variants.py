"""What is compared: the variants, the pairs whose difference is shown, and the decoders that read them again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from components.codecs import DECODERS
from pipelines.params import Params
from studies.inputs.recipe import with_changes

SUBPIXEL = {"name": "subpixel", "sigma": 1.5, "window": 5, "temperature": 10.0}
SHARP = {"name": "subpixel", "sigma": 0.8, "window": 7, "decoder": "expectation"}
HIH = {"name": "hih", "sigma": 1.5, "decimal": 8, "decimal_sigma": 1.0}
MSE, CE = {"heatmap": "mse"}, {"heatmap": "cross_entropy"}
FITTED = {"fit_temperature": True}
SIAMESE = {"siamese_weight": 1.0}


@dataclass(frozen=True)
class Variant:
    """What differs from the base recipe.

    Attributes:
        codec: Replaces the base's, but for the stride, which is the network's.
        loss: Keys that change.
        train: Keys that change.
        share: Of the epochs.
    """

    codec: dict[str, Any]
    loss: dict[str, Any]
    train: dict[str, Any] = field(default_factory=dict)
    share: float = 1.0


# A step on two views and their consistency takes two to three times as long (studies/siamese.py): "equal time" has half
# the epochs with MSE, two fifths with cross-entropy, whose maps are read by a softmax first.
VARIANTS: dict[str, Variant] = {
    "rounded, MSE": Variant({"name": "rounded", "sigma": 1.5}, MSE),
    "hih released, MSE": Variant({**HIH, "bins": "released"}, MSE),
    "hih floor, MSE": Variant({**HIH, "bins": "floor"}, MSE),
    "subpixel, MSE": Variant(SUBPIXEL, MSE, FITTED),
    "subpixel, cross-entropy": Variant(SHARP, CE),
    "subpixel, MSE, Siamese, equal steps": Variant(SUBPIXEL, {**MSE, **SIAMESE}, FITTED),
    "subpixel, MSE, Siamese, equal time": Variant(SUBPIXEL, {**MSE, **SIAMESE}, FITTED, 1 / 2),
    "subpixel, cross-entropy, Siamese, equal steps": Variant(SHARP, {**CE, **SIAMESE}),
    "subpixel, cross-entropy, Siamese, equal time": Variant(SHARP, {**CE, **SIAMESE}, {}, 2 / 5),
    "hih floor, cross-entropy": Variant({**HIH, "bins": "floor", "sigma": 0.8}, CE),
}

PAIRS = [
    ("hih floor, MSE", "hih released, MSE"),
    ("hih floor, MSE", "subpixel, MSE"),
    ("hih floor, cross-entropy", "subpixel, cross-entropy"),
    ("subpixel, cross-entropy", "subpixel, MSE"),
    ("subpixel, MSE, Siamese, equal steps", "subpixel, MSE"),
    ("subpixel, MSE, Siamese, equal time", "subpixel, MSE"),
    ("subpixel, cross-entropy, Siamese, equal steps", "subpixel, cross-entropy"),
    ("subpixel, cross-entropy, Siamese, equal time", "subpixel, cross-entropy"),
]
READ_BY = {
    "subpixel, MSE": sorted(DECODERS),
    "subpixel, cross-entropy": sorted(DECODERS),
    "rounded, MSE": sorted(DECODERS),
    "hih floor, MSE": ["argmax", "expectation"],
    "hih floor, cross-entropy": ["argmax", "expectation"],
}


def recipe_of(base: Params, variant: str, seed: int, epochs: int) -> Params:
    """The base with the variant's changes, in one process.

    Raises:
        ValueError: They do not go with the base.
    """
    changes = VARIANTS[variant]
    train = {"seed": seed, "epochs": max(1, int(epochs * changes.share)), "num_workers": 0, "fit_temperature": False}
    return with_changes(
        base,
        {
            "codec": {**changes.codec, "stride": base.model().codec.stride},
            "loss": {"siamese_weight": 0.0, **changes.loss},
            "train": {**train, **changes.train},
        },
    )
