"""Whether a model can be trained further by other params than its own: the same scheme, network, maps and reading."""

from __future__ import annotations

from dataclasses import replace

import torch

from components.losses import HEATMAP_LOSSES
from components.model import LandmarkModel, ModelConfig

# Weights that drew or were read by another one of these are still a start; any other field of a codec makes other maps.
# (A crop changes what the network is given, not the network; where its weights do change, their shapes say so.)
MAY_DIFFER = ("crop", "sigma", "decimal_sigma", "window", "temperature", "decoder")


def compare(source: str, parent: ModelConfig, own: ModelConfig) -> list[str]:
    """Sentences about what differs, and may.

    Args:
        source: What to call the parent.
        parent: Of the model to start from.
        own: Of the model to train.

    Raises:
        ValueError: The parent has another scheme or network, draws other maps, or is read in another way.
    """
    codec = _differences("codec", parent, own)
    wrong = [*_other_scheme_or_reading(parent, own), *_differences("network", parent, own).values()]
    wrong += [said for name, said in codec.items() if name not in MAY_DIFFER]
    wrong = wrong or _other_shapes(parent, own)
    if wrong:
        raise ValueError(
            f"{source} cannot be trained further by these params: {'; '.join(wrong)}. Make them the same, or name another "
            "model in train.start_from"
        )
    named = {
        "preprocess.expand": (parent.expand, own.expand),
        "preprocess.box": (parent.box, own.box),
        "loss.heatmap": (parent.heatmap_loss, own.heatmap_loss),
        "loss.visibility": (parent.visibility, own.visibility),
    }
    return [*codec.values(), *(_differs(name, *values) for name, values in named.items() if values[0] != values[1])]


def _differences(section: str, parent: ModelConfig, own: ModelConfig) -> dict[str, str]:
    """Field of network or codec that differs -> what to say; of another kind, its name alone: it has other fields."""
    theirs, ours = parent.to_dict()[section], own.to_dict()[section]
    names = ["name"] if theirs["name"] != ours["name"] else list(ours)
    return {
        name: _differs("preprocess.crop" if name == "crop" else f"{section}.{name}", theirs[name], ours[name])
        for name in names
        if theirs[name] != ours[name]
    }


def _differs(name: str, parents: object, own: object) -> str:
    return f"{name} is {parents} there and {own} here"


def _other_scheme_or_reading(parent: ModelConfig, own: ModelConfig) -> list[str]:
    wrong = []
    if parent.scheme.name != own.scheme.name:
        wrong = [_differs("the scheme", parent.scheme.name, own.scheme.name)]
    elif parent.scheme != own.scheme:
        wrong = [f"the scheme {own.scheme.name} was another one when that model was trained"]
    losses = parent.heatmap_loss, own.heatmap_loss
    if HEATMAP_LOSSES[losses[0]].read is not HEATMAP_LOSSES[losses[1]].read:
        wrong.append(f"{_differs('loss.heatmap', *losses)}, whose maps are read in another way")
    return wrong


def _other_shapes(parent: ModelConfig, own: ModelConfig) -> list[str]:
    """The first weight to which another crop gives another shape: that of a head that spans the map."""
    theirs, ours = _shapes(parent), _shapes(own)
    other = [name for name in sorted({*theirs, *ours}) if theirs.get(name) != ours.get(name)]
    crops = parent.codec.crop, own.codec.crop
    return [f"{_differs('preprocess.crop', *crops)}, which changes the weights {other[0]}"] if other else []


def _shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Without those of visibility, which begins anew where the parent has none, and is left behind where the training has none."""
    with torch.device("meta"):
        weights = LandmarkModel(replace(config, visibility=False)).weights()
    return {name: tuple(value.shape) for name, value in weights.items()}
