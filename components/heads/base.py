"""What the heads share: their sizes, and the two ways of saying a decimal part, as a map of bins or as itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from components.layers import conv_bn

Tensors = dict[str, torch.Tensor]
DecimalLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# The pools of three cells at stride 2 would leave nothing of fewer.
MIN_SIDE = 4
# 3x3 convolutions in the trunk of "afc" and "od". The released code calls it `num_o` and sets it nowhere: our guess.
NUM_TRUNK_CONVOLUTIONS = 1


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What a head is made from.

    Attributes:
        features: Channels of the feature that it is given.
        hidden: Channels inside it; "transformer" has its own width.
        num_landmarks: K.
        side: Cells a side of the feature.
        decimal: Bins a side of the decimal map; "afc" and "od" have none.

    Raises:
        ValueError: The side is too small.
    """

    features: int
    hidden: int
    num_landmarks: int
    side: int
    decimal: int

    def __post_init__(self) -> None:
        if self.side < MIN_SIDE:
            raise ValueError(f"a head takes features of at least {MIN_SIDE} cells a side, got {self.side}")


class DecimalHead(nn.Module):
    """A head that says a decimal map (N, K, d, d), of any scale: which bin of its cell a landmark is in."""

    output = "decimal"

    def loss(self, outputs: Tensors, maps: Tensors, batch: Tensors, decimal_loss: DecimalLoss) -> torch.Tensor:
        """The chosen decimal loss of the map that is said and the map that the codec drew: (N, K)."""
        return decimal_loss(outputs["decimal"], maps["decimal"])

    def read(self, outputs: Tensors) -> Tensors:
        """What the codec decodes: the map, in float32."""
        return {"decimal": outputs["decimal"].float()}


def offset_smooth_l1(predicted: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    """Smooth L1 of parts (N, K, 2), summed over x and y: (N, K). For the heads that say the part itself.

    The paper does not say which loss its alternatives were trained with; this is that of the networks they are from
    (Law, Deng, "CornerNet", ECCV 2018, section 3.2).
    """
    return functional.smooth_l1_loss(predicted.float(), parts, reduction="none").sum(-1)


class Trunk(nn.Module):
    """What "afc" and "od" begin with: 1x1, 3x3, 1x1, plus the feature itself by 1x1 where channels change."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(features, hidden, 1),
            *(conv_bn(hidden, hidden, 3) for _ in range(NUM_TRUNK_CONVOLUTIONS)),
            conv_bn(hidden, hidden, 1),
        )
        self.skip = conv_bn(features, hidden, 1) if features != hidden else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.skip(x)
