"""A heatmap loss as the objective calls it, and how the maps of a network trained with it are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

# A share of a map below this is nothing; keeps logarithms finite.
TINY = 1e-10

Measure = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Reading = Callable[[torch.Tensor, float], torch.Tensor]


class HeatmapLoss(NamedTuple):
    """A loss, and the reading that goes with it.

    Attributes:
        loss: (N, K) from predicted maps and target maps (N, K, h, w) and encoded cells (N, K, 2).
        read: The network's maps (N, K, h, w) and the codec's sigma -> maps in the scale of those that the codec draws.
        as_drawn: Whether the network says the maps themselves. A softmax sees only differences between cells, and
            spreads its gradient over all of them; a loss of the maps themselves sees wrong first maps as large errors
            everywhere, see `LandmarkModel`.
    """

    loss: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    read: Reading
    as_drawn: bool

    @classmethod
    def of_maps(cls, loss: Measure, read: Reading, as_drawn: bool = False) -> HeatmapLoss:
        """Of a loss that compares predicted maps with drawn ones."""
        return cls(lambda predicted, target, cells: loss(predicted, target), read, as_drawn)

    @classmethod
    def of_cells(cls, loss: Measure, read: Reading) -> HeatmapLoss:
        """Of a loss that compares predicted maps with the cells where the landmarks are."""
        return cls(lambda predicted, target, cells: loss(predicted, cells), read, as_drawn=False)

    def between(self, predicted: torch.Tensor, target: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
        """What another view's map costs as a target, in the units of this loss: (N, K).

        For a loss of drawn maps that loss itself, over the shared cells; for one of distributions the divergence
        KL(target || predicted) of both, each with the sum 1 over the shared cells, whose gradient is, as
        cross-entropy's, predicted minus target. So a weight of this means the same beside every loss.

        Args:
            predicted: (N, K, h, w), as `read` gives them.
            target: The same, of the other view.
            shared: (N, h, w) bool, cells that both views show; a face without any costs nothing.
        """
        one, other = (torch.where(shared[:, None], maps, 0) for maps in (predicted, target))
        if self.as_drawn:
            cells = one.new_zeros(*one.shape[:2], 2)
            covered = shared.float().mean((-2, -1)).clamp_min(1 / shared[0].numel())
            return self.loss(one, other, cells) / covered[:, None]
        p, q = (maps / maps.sum((-2, -1), keepdim=True).clamp_min(TINY) for maps in (one, other))
        return torch.where(q > TINY, q * (q.clamp_min(TINY).log() - p.clamp_min(TINY).log()), 0).sum((-2, -1))
