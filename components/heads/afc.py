"""The decimal part regressed: average, fully connected."""

from __future__ import annotations

import torch
from torch import nn

from components.heads.base import DecimalLoss, Sizes, Tensors, Trunk, offset_smooth_l1
from components.layers import conv_bn


class AfcHead(nn.Sequential):
    """AFC_head: (N, C, side, side) -> offset (N, K, 2), (x, y) inside the cell, unbounded, meant in [0, 1).

    The mean over the picture of 2 * hidden channels (768 as released), and a linear layer.
    """

    output = "offset"

    def __init__(self, sizes: Sizes) -> None:
        hidden = sizes.hidden
        linear = nn.Linear(2 * hidden, 2 * sizes.num_landmarks)
        nn.init.normal_(linear.weight, std=0.001)  # as released
        super().__init__(
            Trunk(sizes.features, hidden),
            conv_bn(hidden, hidden, 1),
            nn.MaxPool2d(3, 2),
            conv_bn(hidden, hidden, 3, 2),
            conv_bn(hidden, 2 * hidden, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            linear,
            nn.Unflatten(1, (sizes.num_landmarks, 2)),
        )

    def loss(self, outputs: Tensors, maps: Tensors, batch: Tensors, decimal_loss: DecimalLoss) -> torch.Tensor:
        """Smooth L1 between the part that is said and the true one: (N, K); there is no decimal map to compare."""
        return offset_smooth_l1(outputs["offset"], batch["parts"])

    def read(self, outputs: Tensors) -> Tensors:
        """What the codec decodes: the offsets, in float32."""
        return {"offset": outputs["offset"].float()}
