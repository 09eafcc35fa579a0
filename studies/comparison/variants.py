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
TWO_VIEWS = {"num_views": 2}
SIAMESE = {"num_views": 2, "siamese_weight": 1.0}


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


# A step on two views and their consistency takes 2.7 times as long (studies/siamese.py): "equal time" has two fifths of
# the epochs. The last but one of the single views differ from their neighbours by the loss alone, or by the codec alone.
EQUAL_TIME = 2 / 5
VARIANTS: dict[str, Variant] = {
    "rounded, MSE": Variant({"name": "rounded", "sigma": 1.5}, MSE),
    "hih released, MSE": Variant({**HIH, "bins": "released"}, MSE),
    "hih floor, MSE": Variant({**HIH, "bins": "floor"}, MSE),
    "hih floor, cross-entropy": Variant({**HIH, "bins": "floor", "sigma": 0.8}, CE),
    "subpixel, MSE": Variant(SUBPIXEL, MSE, FITTED),
    "subpixel, sigma 0.8, MSE": Variant(SHARP, MSE),
    "subpixel, sigma 1.5, cross-entropy": Variant(SUBPIXEL, CE, FITTED),
    "subpixel, cross-entropy": Variant(SHARP, CE),
    "subpixel, MSE, two views": Variant(SUBPIXEL, {**MSE, **TWO_VIEWS}, FITTED),
    "subpixel, MSE, Siamese": Variant(SUBPIXEL, {**MSE, **SIAMESE}, FITTED),
    "subpixel, MSE, Siamese, equal time": Variant(SUBPIXEL, {**MSE, **SIAMESE}, FITTED, EQUAL_TIME),
    "subpixel, cross-entropy, two views": Variant(SHARP, {**CE, **TWO_VIEWS}),
    "subpixel, cross-entropy, Siamese": Variant(SHARP, {**CE, **SIAMESE}),
    "subpixel, cross-entropy, Siamese, equal time": Variant(SHARP, {**CE, **SIAMESE}, {}, EQUAL_TIME),
}

PAIRS = [
    ("hih floor, MSE", "hih released, MSE"),
    ("hih floor, MSE", "subpixel, MSE"),
    ("hih floor, cross-entropy", "subpixel, cross-entropy"),
    ("subpixel, MSE", "rounded, MSE"),
    ("subpixel, cross-entropy", "subpixel, MSE"),
    ("subpixel, cross-entropy", "subpixel, sigma 0.8, MSE"),
    ("subpixel, sigma 1.5, cross-entropy", "subpixel, MSE"),
    ("subpixel, sigma 0.8, MSE", "subpixel, MSE"),
    ("subpixel, MSE, two views", "subpixel, MSE"),
    ("subpixel, MSE, Siamese", "subpixel, MSE, two views"),
    ("subpixel, MSE, Siamese, equal time", "subpixel, MSE"),
    ("subpixel, cross-entropy, two views", "subpixel, cross-entropy"),
    ("subpixel, cross-entropy, Siamese", "subpixel, cross-entropy, two views"),
    ("subpixel, cross-entropy, Siamese, equal time", "subpixel, cross-entropy"),
]
READ_BY = {
    "subpixel, MSE": sorted(DECODERS),
    "subpixel, sigma 0.8, MSE": sorted(DECODERS),
    "subpixel, sigma 1.5, cross-entropy": sorted(DECODERS),
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
    train = {"seed": seed, "epochs": max(1, int(epochs * changes.share)), "num_workers": 0}
    as_published = {"fit_temperature": False, "fit_mirror_offset": False}
    return with_changes(
        base,
        {
            "codec": {**changes.codec, "stride": base.model().codec.stride},
            "loss": {"num_views": 1, "siamese_weight": 0.0, **changes.loss},
            "train": {**train, **as_published, **changes.train},
        },
    )
