"""Losses on heatmaps: pure and unreduced, one number per landmark."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch


class HeatmapLoss(NamedTuple):
    """A loss of predicted and target maps (N, K, h, w) and cells (N, K, 2), and a reading of predicted maps by sigma."""

    loss: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    read: Callable[[torch.Tensor, float], torch.Tensor]


def heatmap_mse(predicted: torch.Tensor, target: torch.Tensor, cells: torch.Tensor | None = None) -> torch.Tensor:
    """Mean over the cells of (predicted - target)^2.

    Args:
        predicted: (N, K, h, w).
        target: (N, K, h, w), peak 1.
        cells: Not used.

    Returns:
        (N, K).
    """
    return ((predicted.float() - target) ** 2).mean((-2, -1))


def heatmap_cross_entropy(
    predicted: torch.Tensor, target: torch.Tensor, cells: torch.Tensor | None = None
) -> torch.Tensor:
    """-sum over the cells of q log softmax(predicted), with q the target divided by its sum.

    Args:
        predicted: (N, K, h, w), logits.
        target: (N, K, h, w), not negative; a map of zeros gives 0.
        cells: Not used.

    Returns:
        (N, K).
    """
    share = target.flatten(-2)
    share = share / share.sum(-1, keepdim=True).clamp_min(1e-12)
    return -(share * predicted.float().flatten(-2).log_softmax(-1)).sum(-1)


def read_mse(predicted: torch.Tensor, sigma: float) -> torch.Tensor:
    """Maps of a network trained with `heatmap_mse` are Gaussians with peak 1 already."""
    return predicted.float()


def read_cross_entropy(predicted: torch.Tensor, sigma: float) -> torch.Tensor:
    """Logits -> what the codec drew: softmax is a Gaussian of sum 1, whose peak is 1 / (2 pi sigma^2)."""
    share = predicted.float().flatten(-2).softmax(-1).view(predicted.shape)
    return share * (2 * torch.pi * sigma**2)
