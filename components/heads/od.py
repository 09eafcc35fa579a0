"""A map of decimal parts, read at a landmark's cell; one for all landmarks.

Reference: Law, Deng, "CornerNet", ECCV 2018, section 3.2.
"""

from __future__ import annotations

import torch
from torch import nn

from components.heads.base import DecimalLoss, Sizes, Tensors, Trunk, offset_smooth_l1
from components.layers import conv_bn
from components.peaks import offsets_at


class OdHead(nn.Sequential):
    """OD_head: (N, C, h, w) -> offset map (N, 2, h, w), channel 0 x and 1 y, inside the cell; shared by all landmarks."""

    output = "offset_map"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(
            Trunk(sizes.features, sizes.hidden), conv_bn(sizes.hidden, sizes.hidden, 1), nn.Conv2d(sizes.hidden, 2, 1)
        )

    def loss(self, outputs: Tensors, maps: Tensors, batch: Tensors, decimal_loss: DecimalLoss) -> torch.Tensor:
        """Smooth L1 between what is said at the true cell and the true part: (N, K); there is no decimal map."""
        return offset_smooth_l1(offsets_at(outputs["offset_map"], batch["cells"]), batch["parts"])

    def read(self, outputs: Tensors) -> Tensors:
        """What the codec decodes, at the cell that it finds: the map, in float32."""
        return {"offset_map": outputs["offset_map"].float()}
