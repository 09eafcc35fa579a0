"""HIH's head: the decimal map by halving the feature."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from components.heads.base import DecimalHead, Sizes
from components.layers import conv_bn


class Down(nn.Module):
    """ResNet's basic block at stride 2."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv_bn(features, features, 3, 2), conv_bn(features, features, 3, relu=False))
        self.skip = conv_bn(features, features, 1, 2, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.body(x) + self.skip(x))


class ConvHead(DecimalHead, nn.Sequential):
    """HIH_head: (N, C, side, side) -> decimal map (N, K, d, d), by halving.

    Raises:
        ValueError: The side does not come down to the decimal map's by halving.
    """

    def __init__(self, sizes: Sizes) -> None:
        halvings = math.log2(sizes.side / sizes.decimal) if sizes.decimal > 0 else 0
        if halvings < 1 or halvings != int(halvings):
            raise ValueError(
                f"a decimal map of {sizes.decimal} bins does not come out of {sizes.side} cells by halving"
            )
        super().__init__(
            conv_bn(sizes.features, sizes.hidden, 1),
            nn.MaxPool2d(3, 2),
            *(Down(sizes.hidden) for _ in range(int(halvings) - 1)),
            conv_bn(sizes.hidden, sizes.hidden, 1),
            # 64 and 32 cells come out as 8 by themselves (64 -> 31 -> 16 -> 8), as released, and this does nothing;
            # 16 cells come out as 7.
            nn.AdaptiveAvgPool2d(sizes.decimal),
            nn.Conv2d(sizes.hidden, sizes.num_landmarks, 1),
        )
