"""What is minimised: the heatmap's loss over all stacks, plus the decimal map's."""

from __future__ import annotations

import torch

from components.losses.decimal import coordinate_soft_classification


def objective(
    outputs: dict[str, torch.Tensor],
    maps: dict[str, torch.Tensor],
    weight: torch.Tensor,
    heatmap_loss,
    decimal_weight: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum over faces and landmarks of weight * (mean over stacks of heatmap_loss + decimal_weight * CSC).

    Sum and weight are apart, so that both can be summed over workers before one is divided by the other.

    Args:
        outputs: heatmap (N, S, K, h, w), and decimal (N, K, d, d) where the network has such a head.
        maps: What the codec rendered.
        weight: (N, K); where it is 0, the gradient is 0.
        heatmap_loss: (predicted, target) -> (N, K).
        decimal_weight: Of the decimal map; HIH's 0.05.

    Returns:
        The weighted sum and the sum of weights, scalars.
    """
    stacks = outputs["heatmap"].unbind(1)
    loss = torch.stack([heatmap_loss(predicted, maps["heatmap"]) for predicted in stacks]).mean(0)
    if "decimal" in outputs:
        loss = loss + decimal_weight * coordinate_soft_classification(outputs["decimal"], maps["decimal"])
    return (loss * weight).sum(), weight.sum()
