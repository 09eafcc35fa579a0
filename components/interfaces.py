"""What codecs, heads and the model hand each other: the request for a head, and landmarks that were read."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Head(NamedTuple):
    """What a codec asks of a network beside the heatmap.

    Attributes:
        kind: Key in `components.heads.HEADS`.
        decimal: Bins a side of the decimal map, for the heads that say one.
    """

    kind: str
    decimal: int


class Decoded(NamedTuple):
    """Landmarks read off maps.

    Attributes:
        landmarks: (N, K, 2) float32, (x, y), crop px.
        confidence: (N, K) float32, the map's highest value clipped to [0, 1]; a perfect map gives about 1.
    """

    landmarks: torch.Tensor
    confidence: torch.Tensor
