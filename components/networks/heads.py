"""Heads for the part of a coordinate that the heatmap's cell leaves open: HIH's, and those it was compared with.

The codec asks for one by a `Head`; the network lends its last feature (N, C, h, w). No head is asked for by None.

Reference: Lan et al., "HIH", 2021 (arXiv 2104.03100): "conv" is its head in v2 and HIH_C in v1, "transformer" is HIH_T
in v1, "afc" and "od" are the solutions of other fields. Layers as in the released code (starhiking/HeatmapInHeatmap at
7174ea2, `lib/model/get_hourglass.py`). "od" after Law, Deng, "CornerNet", ECCV 2018; "transformer" after Dosovitskiy
et al., "An Image is Worth 16x16 Words", ICLR 2021.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from components.networks.layers import conv_bn

# Of the transformer only the ratio of 2 and the epsilon are in the released code. Width, blocks and attention heads are
# not, nor in what we have of the paper: these three are our guess, a small ViT of HIH's 256 features.
EMBED_DIM, NUM_BLOCKS, NUM_ATTENTION_HEADS = 256, 4, 8
MLP_RATIO, LAYER_NORM_EPS = 2, 1e-6
# ViT's deviation for its linear layers and position embeddings.
VIT_STD = 0.02
# 3x3 convolutions in the trunk of "afc" and "od". The released code calls it `num_o` and sets it nowhere: our guess.
NUM_TRUNK_CONVOLUTIONS = 1


class Head(NamedTuple):
    """What a codec asks of a network beside the heatmap.

    Attributes:
        kind: Key in `HEADS`.
        decimal: Bins a side of the decimal map; "afc" and "od" have none and do not read it.
    """

    kind: str
    decimal: int


class Sizes(NamedTuple):
    """What a head is made from.

    Attributes:
        features: Channels of the feature that it is given.
        hidden: Channels inside it; "transformer" has its own width.
        num_landmarks: K.
        side: Cells a side of the feature.
        decimal: Bins a side of the decimal map.
    """

    features: int
    hidden: int
    num_landmarks: int
    side: int
    decimal: int


def build_head(head: Head, features: int, hidden: int, num_landmarks: int, side: int) -> nn.Module:
    """The head's module: a feature (N, C, side, side) -> the tensor that goes into the outputs under its `output`.

    Raises:
        ValueError: Unknown kind, or a decimal map that does not come out of so many cells.
    """
    if head.kind not in HEADS:
        raise ValueError(f"unknown head {head.kind!r}; known: {', '.join(HEADS)}")
    if side < 4:
        # The pools of three cells at stride 2 would leave nothing.
        raise ValueError(f"a head takes features of at least 4 cells a side, got {side}")
    return HEADS[head.kind](Sizes(features, hidden, num_landmarks, side, head.decimal))


class Down(nn.Module):
    """ResNet's basic block at stride 2."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv_bn(features, features, 3, 2), conv_bn(features, features, 3, relu=False))
        self.skip = conv_bn(features, features, 1, 2, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.body(x) + self.skip(x))


class ConvHead(nn.Sequential):
    """HIH_head: (N, C, side, side) -> decimal map (N, K, d, d), by halving.

    Raises:
        ValueError: The side does not come down to the decimal map's by halving.
    """

    output = "decimal"

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


class TransformerHead(nn.Module):
    """VIT_head: (N, C, side, side) -> decimal map (N, K, d, d); a token per bin, no class token.

    Token (i, j) is made from the patch of cells that is i-th from the top and j-th from the left.

    Raises:
        ValueError: The side does not divide into that many patches.
    """

    output = "decimal"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        if sizes.decimal < 1 or sizes.side % sizes.decimal:
            raise ValueError(
                f"a decimal map of {sizes.decimal} bins does not come out of {sizes.side} cells by patches"
            )
        self.patch = sizes.side // sizes.decimal
        # A convolution of stride p, written as a linear layer of its patches: so the convolutions' initialisation
        # passes it by, and it keeps PyTorch's own, which is the released one.
        self.embed = nn.Linear(sizes.features * self.patch**2, EMBED_DIM)
        self.position = nn.Parameter(torch.empty(1, sizes.decimal**2, EMBED_DIM))
        self.blocks = nn.Sequential(*(encoder_block() for _ in range(NUM_BLOCKS)))
        self.norm = nn.LayerNorm(EMBED_DIM, eps=LAYER_NORM_EPS)
        self.map = nn.Sequential(
            conv_bn(EMBED_DIM, sizes.features, 1), nn.Conv2d(sizes.features, sizes.num_landmarks, 1)
        )
        nn.init.trunc_normal_(self.position, std=VIT_STD)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = functional.pixel_unshuffle(x, self.patch)
        tokens = self.embed(patches.flatten(2).transpose(1, 2)) + self.position
        tokens = self.norm(self.blocks(tokens))
        return self.map(tokens.transpose(1, 2).unflatten(2, patches.shape[2:]))


def encoder_block() -> nn.TransformerEncoderLayer:
    """ViT's pre-norm block, initialised as ViT's: PyTorch's own would start the attention wider."""
    block = nn.TransformerEncoderLayer(
        EMBED_DIM,
        NUM_ATTENTION_HEADS,
        MLP_RATIO * EMBED_DIM,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=LAYER_NORM_EPS,
        batch_first=True,
        norm_first=True,
    )
    for name, value in block.named_parameters():
        if value.ndim == 2:
            nn.init.trunc_normal_(value, std=VIT_STD)
        elif name.endswith("bias"):
            nn.init.zeros_(value)
    return block


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


class OdHead(nn.Sequential):
    """OD_head: (N, C, h, w) -> offset map (N, 2, h, w), channel 0 x and 1 y, inside the cell; shared by all landmarks."""

    output = "offset_map"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(
            Trunk(sizes.features, sizes.hidden), conv_bn(sizes.hidden, sizes.hidden, 1), nn.Conv2d(sizes.hidden, 2, 1)
        )


HEADS: dict[str, type[nn.Module]] = {
    "afc": AfcHead,
    "conv": ConvHead,
    "od": OdHead,
    "transformer": TransformerHead,
}
