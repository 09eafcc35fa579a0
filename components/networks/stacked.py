"""The way through stacked modules, which the hourglass and FAN share."""

from __future__ import annotations

import torch
from torch import nn


class StackedNet(nn.Module):
    """(N, 3, H, W) -> heatmap (N, S, K, H/4, W/4) and, for a head, feature (N, C, H/4, W/4).

    Attributes:
        stem: Crops -> the first module's input.
        stacks: Modules that give the next one's input and their own heatmaps (N, K, h, w).
        with_feature: Whether what the last module hands on is handed out, for a head.
    """

    stem: nn.Module
    stacks: nn.ModuleList
    with_feature: bool

    @property
    def heatmap_layers(self) -> list[nn.Conv2d]:
        """What the maps come out of."""
        return [stack.heatmap for stack in self.stacks]

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.stem(x)
        heatmaps = []
        for stack in self.stacks:
            x, heatmap = stack(x)
            heatmaps.append(heatmap)
        outputs = {"heatmap": torch.stack(heatmaps, 1)}
        return {**outputs, "feature": x} if self.with_feature else outputs
