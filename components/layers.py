"""What networks and heads are made of alike: a layer, and a start of convolutions."""

from __future__ import annotations

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
