"""Heads: what a network says beside its heatmaps, a file each with its module, its loss and its reading.

For the part of a coordinate that the heatmap's cell leaves open: HIH's own, and those that it was compared with. A codec
asks for one by a `components.interfaces.Head`; `HEADS[kind](sizes)` makes it, and the model gives it the network's last
feature.

Reference: Lan et al., "HIH", 2021 (arXiv 2104.03100): "conv" is its head in v2 and HIH_C in v1, "transformer" is HIH_T
in v1, "afc" and "od" are the solutions of other fields. Layers as in the released code (starhiking/HeatmapInHeatmap at
7174ea2, `lib/model/get_hourglass.py`).
"""

from components.heads.afc import AfcHead
from components.heads.conv import ConvHead
from components.heads.od import OdHead
from components.heads.transformer import TransformerHead

HeadModule = AfcHead | ConvHead | OdHead | TransformerHead

HEADS: dict[str, type[HeadModule]] = {
    "afc": AfcHead,
    "conv": ConvHead,
    "od": OdHead,
    "transformer": TransformerHead,
}

__all__ = ["HEADS", "AfcHead", "ConvHead", "HeadModule", "OdHead", "TransformerHead"]
