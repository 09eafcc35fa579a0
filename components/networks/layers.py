"""What the networks and their heads share: a layer, and the way through stacked modules."""

from __future__ import annotations

import torch
from torch import nn


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, relu: bool = True) -> nn.Sequential:
    """Convolution without bias, batch norm, and ReLU unless told otherwise; keeps the size at stride 1."""
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class StackedNet(nn.Module):
    """(N, 3, H, W) -> heatmap (N, S, K, H/4, W/4) and, with a head, its output.

    Attributes:
        stem: Crops -> the first module's input.
        stacks: Modules that give the next one's input and their own heatmaps (N, K, h, w).
        decimal: The head, which reads what the last module hands on; or None.
    """

    stem: nn.Module
    stacks: nn.ModuleList
    decimal: nn.Module | None

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.stem(x)
        heatmaps = []
        for stack in self.stacks:
            x, heatmap = stack(x)
            heatmaps.append(heatmap)
        outputs = {"heatmap": torch.stack(heatmaps, 1)}
        if self.decimal is not None:
            outputs[self.decimal.output] = self.decimal(x)
        return outputs
