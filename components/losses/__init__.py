"""Losses, and how the maps of a network trained with one are read. A loss is one function and one line here.

`HEATMAP_LOSSES[name].loss` gives (N, K) from predicted and target maps; `.read` turns the network's output into the
scale of the drawn maps, which is what `codec.decode` takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from components.losses.decimal import coordinate_soft_classification
from components.losses.heatmap import heatmap_cross_entropy, heatmap_mse, read_cross_entropy, read_mse


class HeatmapLoss(NamedTuple):
    """A loss and its reading; both take (predicted, ...) maps (N, K, h, w)."""

    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    read: Callable[[torch.Tensor, float], torch.Tensor]


HEATMAP_LOSSES: dict[str, HeatmapLoss] = {
    "cross_entropy": HeatmapLoss(heatmap_cross_entropy, read_cross_entropy),
    "mse": HeatmapLoss(heatmap_mse, read_mse),
}

__all__ = [
    "HEATMAP_LOSSES",
    "HeatmapLoss",
    "coordinate_soft_classification",
    "heatmap_cross_entropy",
    "heatmap_mse",
    "read_cross_entropy",
    "read_mse",
]
