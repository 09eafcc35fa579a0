"""Losses, and how the maps of a network trained with one are read. A loss is one function and one line here.

`HEATMAP_LOSSES[name].loss` gives (N, K) from predicted maps, target maps and the encoded cells; `.read` turns the
network's output into the scale of the drawn maps, which is what `codec.decode` takes. `DECIMAL_LOSSES[name]` gives (N, K)
from predicted and target decimal maps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from components.losses.adaptive_wing import adaptive_wing
from components.losses.decimal import coordinate_soft_classification, decimal_mse
from components.losses.heatmap import HeatmapLoss, heatmap_cross_entropy, heatmap_mse, read_cross_entropy, read_mse
from components.losses.star import star

HEATMAP_LOSSES: dict[str, HeatmapLoss] = {
    "adaptive_wing": HeatmapLoss(adaptive_wing, read_mse),
    "cross_entropy": HeatmapLoss(heatmap_cross_entropy, read_cross_entropy),
    "mse": HeatmapLoss(heatmap_mse, read_mse),
    "star": HeatmapLoss(star, read_cross_entropy),
}
DECIMAL_LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "csc": coordinate_soft_classification,
    "mse": decimal_mse,
}

__all__ = [
    "DECIMAL_LOSSES",
    "HEATMAP_LOSSES",
    "HeatmapLoss",
    "adaptive_wing",
    "coordinate_soft_classification",
    "decimal_mse",
    "heatmap_cross_entropy",
    "heatmap_mse",
    "read_cross_entropy",
    "read_mse",
    "star",
]
