"""FAN, the network of subpixel heatmap regression (SHR-FAN): hourglasses of hierarchical, parallel, multi-scale blocks.

Layers, biases and initialisation (PyTorch's own) as in the authors' public Python code (1adrianb/face-alignment,
`models/fan.py` at 2e0f111), which pools by average; the older Lua code pools by maximum. SHR-FAN has 2 modules,
as we recall: its code was never published.

Reference: Bulat, Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?", ICCV 2017; the block:
the same, "Binarized convolutional landmark localizers", ICCV 2017; its use here: Bulat, Sanchez,
Tzimiropoulos, "Subpixel Heatmap Regression for Facial Landmark Localization", BMVC 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from components.limits import check_range
from components.networks.sizes import DEPTHS, FEATURES, STACKS
from components.networks.stacked import StackedNet


@dataclass(frozen=True, kw_only=True)
class Fan:
    """Configuration of a FAN; takes crops of any multiple of 4 * 2**depth px, gives maps at stride 4.

    Attributes:
        modules: Hourglasses in a row, each with its own heatmaps; published with 1, 2 and 4.
        features: Channels (256 as published).
        depth: Halvings inside each hourglass (4 as published).
        decimal_features: Channels of the head, if the codec asks for one; no part of FAN, the value is HIH's.

    Raises:
        ValueError: No module or depth, features that the block cannot quarter, or a size over its bound.
    """

    modules: int
    features: int = 256
    depth: int = 4
    decimal_features: int = 384

    stride = 4
    conv_std = None  # PyTorch's own start, as the authors'

    def __post_init__(self) -> None:
        # The stem's blocks have half the features, and a block gives a quarter of its own to each finer scale.
        if self.modules < 1 or self.depth < 1 or self.features < 8 or self.features % 8:
            raise ValueError(
                f"fan takes at least 1 module and depth 1, and features of a multiple of 8, "
                f"got {self.modules}, {self.depth} and {self.features}"
            )
        check_range("modules", self.modules, STACKS)
        check_range("depth", self.depth, DEPTHS)
        check_range("features", self.features, FEATURES)
        check_range("decimal_features", self.decimal_features, FEATURES)

    def build(self, num_landmarks: int, crop: int, with_feature: bool) -> nn.Module:
        """The network for K landmarks and crops of `crop` px; `with_feature`, it hands out what a head reads.

        Raises:
            ValueError: The crop cannot be halved that often.
        """
        multiple = 4 * 2**self.depth
        if crop < multiple or crop % multiple:
            raise ValueError(f"fan of depth {self.depth} takes crops of a multiple of {multiple} px, got {crop}")
        return FanNet(self, num_landmarks, with_feature)


def bn_conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Batch norm, ReLU, then a convolution without bias; keeps the size."""
    return nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(inputs, outputs, kernel, padding=(kernel - 1) // 2, bias=False),
    )


class ConvBlock(nn.Module):
    """Three 3x3 in a row, all of whose outputs are kept: half, a quarter and a quarter of the channels; plus the input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = bn_conv(inputs, outputs // 2, 3)
        self.second = bn_conv(outputs // 2, outputs // 4, 3)
        self.third = bn_conv(outputs // 4, outputs // 4, 3)
        self.skip = bn_conv(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.first(x)
        second = self.second(first)
        return torch.cat([first, second, self.third(second)], 1) + self.skip(x)


class FanHourglass(nn.Module):
    """One hourglass, (N, C, h, w) -> (N, C, h, w)."""

    def __init__(self, depth: int, features: int) -> None:
        super().__init__()
        self.upper = ConvBlock(features, features)
        self.into = ConvBlock(features, features)
        self.inner: nn.Module = FanHourglass(depth - 1, features) if depth > 1 else ConvBlock(features, features)
        self.out = ConvBlock(features, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low = self.out(self.inner(self.into(functional.avg_pool2d(x, 2))))
        return self.upper(x) + functional.interpolate(low, scale_factor=2, mode="nearest")


class FanModule(nn.Module):
    """One hourglass with its heatmaps and, unless it is the last, their fusion into the next one's input."""

    def __init__(self, config: Fan, num_landmarks: int, last: bool) -> None:
        super().__init__()
        features = config.features
        self.body = nn.Sequential(
            FanHourglass(config.depth, features),
            ConvBlock(features, features),
            nn.Conv2d(features, features, 1),
            nn.BatchNorm2d(features),
            nn.ReLU(inplace=True),
        )
        self.heatmap = nn.Conv2d(features, num_landmarks, 1)
        self.merge_features = None if last else nn.Conv2d(features, features, 1)
        self.merge_heatmap = None if last else nn.Conv2d(num_landmarks, features, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What comes next, and the heatmaps: the next module's input or, of the last, its own feature."""
        feature = self.body(x)
        heatmap = self.heatmap(feature)
        if self.merge_features is None or self.merge_heatmap is None:
            return feature, heatmap
        return x + self.merge_features(feature) + self.merge_heatmap(heatmap), heatmap


class FanNet(StackedNet):
    """The module of a configuration."""

    def __init__(self, config: Fan, num_landmarks: int, with_feature: bool) -> None:
        super().__init__()
        features = config.features
        self.stem = nn.Sequential(
            nn.Conv2d(3, features // 4, 7, 2, 3),
            nn.BatchNorm2d(features // 4),
            nn.ReLU(inplace=True),
            ConvBlock(features // 4, features // 2),
            nn.AvgPool2d(2),
            ConvBlock(features // 2, features // 2),
            ConvBlock(features // 2, features),
        )
        self.stacks = nn.ModuleList(
            FanModule(config, num_landmarks, last=module == config.modules - 1) for module in range(config.modules)
        )
        # A head reads the last module's feature: FAN has no fusion after it, as HIH's hourglass has.
        self.with_feature = with_feature
