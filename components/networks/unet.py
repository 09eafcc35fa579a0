"""A small U-Net that two CPU cores can train: about 1.0 M parameters at width 48.

Reference: Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015; the sizes are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from components.layers import conv_bn
from components.limits import check_range
from components.networks.sizes import FEATURES


@dataclass(frozen=True, kw_only=True)
class UNet:
    """Configuration of a U-Net; takes crops of any multiple of 32 px, gives maps at stride 4.

    Attributes:
        width: Channels at stride 4; 1.5, 2 and 2.5 times as many at strides 8, 16 and 32.

    Raises:
        ValueError: A width out of its bounds.
    """

    width: int

    stride = 4
    conv_std = None  # PyTorch's own start

    def __post_init__(self) -> None:
        check_range("width", self.width, FEATURES._replace(low=2))  # the stem begins with half of them

    @property
    def features(self) -> int:
        """Channels of the feature that a head reads."""
        return self.width

    @property
    def decimal_features(self) -> int:
        """Channels of the head, if the codec asks for one."""
        return 2 * self.width

    def build(self, num_landmarks: int, crop: int, with_feature: bool) -> nn.Module:
        """The network for K landmarks and crops of `crop` px; `with_feature`, it hands out what a head reads.

        Raises:
            ValueError: The crop is not a multiple of 32, or the width odd.
        """
        if crop % 32 or self.width % 2:
            raise ValueError(f"unet takes crops of a multiple of 32 px and an even width, got {crop} and {self.width}")
        return UNetNet(self.width, num_landmarks, with_feature)


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(conv_bn(inputs, outputs, 3), conv_bn(outputs, outputs, 3))


class UNetNet(nn.Module):
    """(N, 3, H, W) -> heatmap (N, 1, K, H/4, W/4) and, for a head, feature (N, C, H/4, W/4)."""

    def __init__(self, width: int, num_landmarks: int, with_feature: bool) -> None:
        super().__init__()
        sizes = [width, width * 3 // 2, width * 2, width * 5 // 2]
        self.stem = nn.Sequential(conv_bn(3, width // 2, 3, 2), conv_bn(width // 2, width, 3, 2))
        self.down = nn.ModuleList(block(a, b) for a, b in zip([width, *sizes], sizes, strict=False))
        self.up = nn.ModuleList(block(a + b, b) for a, b in zip(sizes[:0:-1], sizes[-2::-1], strict=True))
        self.heatmap = nn.Conv2d(width, num_landmarks, 1)
        self.with_feature = with_feature

    @property
    def heatmap_layers(self) -> list[nn.Conv2d]:
        """What the maps come out of."""
        return [self.heatmap]

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.stem(x)
        levels = [x := self.down[0](x)]
        for down in list(self.down)[1:]:
            x = down(functional.max_pool2d(x, 2))
            levels += [x]
        for up, skip in zip(self.up, levels[-2::-1], strict=True):
            x = up(torch.cat([functional.interpolate(x, scale_factor=2), skip], 1))
        outputs = {"heatmap": self.heatmap(x)[:, None]}
        return {**outputs, "feature": x} if self.with_feature else outputs
