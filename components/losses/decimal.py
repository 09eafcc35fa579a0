"""Losses on decimal maps, which HIH's heads say: pure and unreduced, one number per landmark.

Reference: Lan et al., "HIH", 2021 (arXiv 2104.03100 v2), section 3.3, and the released evaluation code.
"""

from __future__ import annotations

import torch


def coordinate_soft_classification(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """KL(softmax(target) || softmax(predicted)) over the d x d bins jointly, divided by their number.

    The soft labels are the plain softmax of the drawn values (temperature 1), and the division is the released code's
    `reduction="mean"`: its published weight, 0.05, goes with it.

    Args:
        predicted: (N, K, d, d), logits.
        target: (N, K, d, d), drawn with peak 1.

    Returns:
        (N, K).
    """
    labels = target.flatten(-2).log_softmax(-1)
    logits = predicted.float().flatten(-2).log_softmax(-1)
    return (labels.exp() * (labels - logits)).mean(-1)


def decimal_mse(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean over the bins of (predicted - target)^2, (N, K): "HIH w. MSE" of the ICCVW version."""
    return ((predicted.float() - target) ** 2).mean((-2, -1))
