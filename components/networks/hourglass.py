"""HIH's network: a stem and stacked hourglasses; a head for the decimal part comes after the last one.

Sizes and order as in the released evaluation code (starhiking/HeatmapInHeatmap at 7174ea2); 1, 2 and 4 stacks of depth
4 and 256 features are HIH_T, HIH_S and HIH_B. Smaller ones by the same parameters.

Reference: Lan et al., "HIH", 2021 (arXiv 2104.03100 v2); Newell, Yang, Deng, "Stacked Hourglass Networks", ECCV 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from components.layers import conv_bn
from components.limits import check_range
from components.networks.sizes import DEPTHS, FEATURES, STACKS
from components.networks.stacked import StackedNet


@dataclass(frozen=True, kw_only=True)
class Hourglass:
    """Configuration of a stacked hourglass; takes crops of any multiple of 4 * 2**depth px, gives maps at stride 4.

    Attributes:
        stacks: Hourglasses in a row, each with its own heatmaps.
        depth: Halvings inside each.
        features: Channels.
        decimal_features: Channels of the head, if the codec asks for one (384 as released).
        released_skips: Also allocate the skip layers that the released code never uses, so that its checkpoints load
            and its published parameter counts (22.68 M for HIH_B) come out.

    Raises:
        ValueError: A size out of its bounds.
    """

    stacks: int
    depth: int
    features: int
    decimal_features: int = 384
    released_skips: bool = False

    stride = 4
    conv_std = 0.001  # as released, of the head's convolutions too

    def __post_init__(self) -> None:
        check_range("stacks", self.stacks, STACKS)
        check_range("depth", self.depth, DEPTHS)
        check_range("features", self.features, FEATURES._replace(low=4))  # the stem begins with a quarter of them
        check_range("decimal_features", self.decimal_features, FEATURES)

    def build(self, num_landmarks: int, crop: int, with_feature: bool) -> nn.Module:
        """The network for K landmarks and crops of `crop` px; `with_feature`, it hands out what a head reads.

        Raises:
            ValueError: The crop cannot be halved that often.
        """
        if crop % (4 * 2**self.depth):
            raise ValueError(
                f"hourglass of depth {self.depth} takes crops of a multiple of {4 * 2**self.depth} px, got {crop}"
            )
        return HourglassNet(self, num_landmarks, with_feature)


class Residual(nn.Module):
    """Bottleneck: 1x1, 3x3, 1x1, batch norm after each, plus the input."""

    def __init__(self, inputs: int, outputs: int, spare_skip: bool) -> None:
        super().__init__()
        half = outputs // 2
        self.body = nn.Sequential(
            conv_bn(inputs, half, 1), conv_bn(half, half, 3), conv_bn(half, outputs, 1, relu=False)
        )
        self.skip = conv_bn(inputs, outputs, 1, relu=False) if inputs != outputs else nn.Identity()
        # Never called: no gradient reaches it, so it must not ask for one (DDP would wait for it).
        self.spare = (
            conv_bn(inputs, outputs, 1, relu=False).requires_grad_(False) if spare_skip and inputs == outputs else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.body(x) + self.skip(x))


class HourglassModule(nn.Module):
    """One hourglass, (N, C, h, w) -> (N, C, h, w)."""

    def __init__(self, depth: int, features: int, spare_skip: bool) -> None:
        super().__init__()
        self.upper = Residual(features, features, spare_skip)
        self.into = Residual(features, features, spare_skip)
        self.inner: nn.Module = (
            HourglassModule(depth - 1, features, spare_skip) if depth > 1 else Residual(features, features, spare_skip)
        )
        self.out = Residual(features, features, spare_skip)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low = self.out(self.inner(self.into(functional.max_pool2d(x, 2))))
        up = functional.interpolate(low, scale_factor=2, mode="bilinear", align_corners=True)
        return self.upper(x) + up


class Stack(nn.Module):
    """One hourglass with its heatmaps, and their fusion into the next one's input."""

    def __init__(self, config: Hourglass, num_landmarks: int) -> None:
        super().__init__()
        features, spare = config.features, config.released_skips
        self.body = nn.Sequential(
            HourglassModule(config.depth, features, spare),
            Residual(features, features, spare),
            conv_bn(features, features, 1),
        )
        self.heatmap = nn.Conv2d(features, num_landmarks, 1)
        self.merge_features = conv_bn(features, features, 1)
        self.merge_heatmap = conv_bn(num_landmarks, features, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        feature = self.body(x)
        heatmap = self.heatmap(feature)
        return x + self.merge_features(feature) + self.merge_heatmap(heatmap), heatmap


class HourglassNet(StackedNet):
    """The module of a configuration."""

    def __init__(self, config: Hourglass, num_landmarks: int, with_feature: bool) -> None:
        super().__init__()
        features, spare = config.features, config.released_skips
        self.stem = nn.Sequential(
            conv_bn(3, features // 4, 7, 2),
            Residual(features // 4, features // 2, spare),
            nn.MaxPool2d(2),
            Residual(features // 2, features // 2, spare),
            Residual(features // 2, features, spare),
        )
        self.stacks = nn.ModuleList(Stack(config, num_landmarks) for _ in range(config.stacks))
        self.with_feature = with_feature
        if not with_feature:
            # Without a head nothing follows the last fusion, and DDP waits for gradients of all it knows.
            last = self.stacks[-1]
            last.merge_features.requires_grad_(False)
            last.merge_heatmap.requires_grad_(False)
