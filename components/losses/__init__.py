"""Losses, and how the maps of a network trained with one are read. A loss is one function and one line here.

`HEATMAP_LOSSES[name].loss` gives (N, K) from predicted maps, target maps and the encoded cells; `.read` turns the
network's output into the scale of the drawn maps, which is what `codec.decode` takes. `DECIMAL_LOSSES[name]` gives (N, K)
from predicted and target decimal maps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from components.losses.adaptive_wing import adaptive_wing
from components.losses.base import HeatmapLoss
from components.losses.decimal import coordinate_soft_classification, decimal_mse
from components.losses.heatmap import heatmap_cross_entropy, heatmap_mse, read_cross_entropy, read_mse
from components.losses.star import star

HEATMAP_LOSSES: dict[str, HeatmapLoss] = {
    "adaptive_wing": HeatmapLoss.of_maps(adaptive_wing, read_mse, as_drawn=True),
    "cross_entropy": HeatmapLoss.of_maps(heatmap_cross_entropy, read_cross_entropy),
    "mse": HeatmapLoss.of_maps(heatmap_mse, read_mse, as_drawn=True),
    "star": HeatmapLoss.of_cells(star, read_cross_entropy),
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
