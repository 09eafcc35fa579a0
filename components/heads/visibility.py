"""Which landmarks can be seen: said of the feature under each landmark's own heatmap, and learnt apart from the landmarks.

A landmark's logit is a 1x1 convolution of the network's last feature, averaged under the landmark's heatmap: whatever is there,
the landmark itself, hair or a hand, is what the feature is of. No gradient leads from here into the network, and the first
weights are 0 instead of drawn ones: landmarks come out equal to the bit, with this head or without.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

# AdamW moves a weight by at most the rate at each step. A layer that begins at 0, and has no other layers to learn with it, would
# not be learnt by the end: its weights count so many times over all channels together (docs/log.md).
PACE = 1024
# A map whose sum is below this is nothing; keeps its shares finite.
TINY = 1e-6


class VisibilityHead(nn.Module):
    """(N, C, h, w) and maps (N, K, h, w), as the codec reads them -> logits (N, K) of being visible.

    Args:
        features: C.
        num_landmarks: K.
    """

    def __init__(self, features: int, num_landmarks: int) -> None:
        super().__init__()
        self.pace = PACE / features
        self.weight = nn.Parameter(torch.zeros(num_landmarks, features))
        self.bias = nn.Parameter(torch.zeros(num_landmarks))

    def forward(self, feature: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
        share = maps.detach().clamp_min(0).flatten(-2)
        share = share / share.sum(-1, keepdim=True).clamp_min(TINY)
        # The mean of a convolution is the convolution of the mean, which takes K * C numbers instead of K * h * w.
        under = share @ feature.detach().flatten(-2).transpose(1, 2)
        return self.pace * ((under * self.weight).sum(-1) + self.bias)

    def loss(self, logits: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """Binary cross-entropy of logits (N, K) and visible (N, K), 1 or 0; 0 where that is NaN: (N, K)."""
        known = visible.isfinite()
        each = functional.binary_cross_entropy_with_logits(logits.float(), visible.nan_to_num(0), reduction="none")
        return torch.where(known, each, 0)
