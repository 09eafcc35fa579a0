"""What networks and heads are made of alike: a layer, and the first weights of convolutions."""

from __future__ import annotations

import math

from torch import nn


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, relu: bool = True) -> nn.Sequential:
    """Convolution without bias, batch norm, and ReLU unless told otherwise; keeps the size at stride 1."""
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


def draw_convolutions(whole: nn.Module, std: float) -> None:
    """Draws the weights of all convolutions anew, normal around 0, in the order of the modules."""
    for module in whole.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=std)


def draw_heatmap_layer(layer: nn.Conv2d, rms: float) -> None:
    """Draws a 1 x 1 convolution anew, so that its first maps are noise of this root mean square, around 0.

    Its input comes out of batch norm and ReLU: half of a square of 1 in each channel, so that noise of weights of
    deviation s over C channels has the root mean square s * sqrt(C / 2).
    """
    nn.init.normal_(layer.weight, std=rms / math.sqrt(layer.in_channels / 2))
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
