"""What networks and heads are made of alike: a layer, and the first weights of convolutions."""

from __future__ import annotations

import math

import torch
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


def flatten_first_maps(layer: nn.Conv2d, rms: float) -> None:
    """Scales a 1 x 1 convolution as PyTorch draws it, so that its first maps are noise of this root mean square, around 0.

    Its input comes out of batch norm and ReLU: half of a square of 1 in each of C channels. PyTorch's weights have the
    variance 1 / (3 C), which makes maps of a mean square of 1 / 6. Nothing is drawn, so that what is drawn later stays.
    """
    with torch.no_grad():
        layer.weight *= rms * math.sqrt(6)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
