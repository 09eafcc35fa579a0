"""HIH's head of its first version: the decimal map by a small ViT, a token for each bin.

Reference: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from components.heads.base import DecimalHead, Sizes
from components.layers import conv_bn

# Of the transformer only the ratio of 2 and the epsilon are in the released code. Width, blocks and attention heads are
# not, nor in what we have of the paper: these three are our guess, a small ViT of HIH's 256 features.
EMBED_DIM, NUM_BLOCKS, NUM_ATTENTION_HEADS = 256, 4, 8
MLP_RATIO, LAYER_NORM_EPS = 2, 1e-6
# ViT's deviation for its linear layers and position embeddings.
VIT_STD = 0.02


class TransformerHead(DecimalHead):
    """VIT_head: (N, C, side, side) -> decimal map (N, K, d, d); a token per bin, no class token.

    Token (i, j) is made from the patch of cells that is i-th from the top and j-th from the left.

    Raises:
        ValueError: The side does not divide into that many patches.
    """

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
