"""A heatmap loss as the objective calls it, and how the maps of a network trained with it are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

Measure = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Reading = Callable[[torch.Tensor, float], torch.Tensor]


class HeatmapLoss(NamedTuple):
    """A loss, and the reading that goes with it.

    Attributes:
        loss: (N, K) from predicted maps and target maps (N, K, h, w) and encoded cells (N, K, 2).
        read: The network's maps (N, K, h, w) and the codec's sigma -> maps in the scale of those that the codec draws.
    """

    loss: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    read: Reading

    @classmethod
    def of_maps(cls, loss: Measure, read: Reading) -> HeatmapLoss:
        """Of a loss that compares predicted maps with drawn ones."""
        return cls(lambda predicted, target, cells: loss(predicted, target), read)

    @classmethod
    def of_cells(cls, loss: Measure, read: Reading) -> HeatmapLoss:
        """Of a loss that compares predicted maps with the cells where the landmarks are."""
        return cls(lambda predicted, target, cells: loss(predicted, cells), read)
