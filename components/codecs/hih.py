"""Nested heatmaps: an integer map says which cell, a small decimal map says where inside it.

Reference: Lan, Hu, Chen, Xue, Cheng, "HIH: Towards More Accurate Face Alignment via Heatmap in Heatmap", 2021
(arXiv 2104.03100 v2), section 3; the released evaluation code (starhiking/HeatmapInHeatmap, 7174ea2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from components.codecs import released
from components.codecs.base import SIGMA, Grid, gaussian_maps, last_stack
from components.configuration import check_known
from components.geometry import from_cells
from components.interfaces import Decoded, Head
from components.limits import Range, check_range
from components.peaks import find_peak, offsets_at

BINS = ("floor", "released")
# The paper's word for no head at all: the cell is all there is.
WITHOUT_OFFSET = "woo"
DECIMAL_DECODERS = ("argmax", "expectation")
# Of the least squares behind "expectation", in mean diagonals: perfect maps of 8 bins lose nothing by it, and noise counts
# for less.
RIDGE = 1e-4
DECIMAL = Range(1, 64, "the linear system behind 'expectation' has decimal^4 numbers")


@dataclass(frozen=True, kw_only=True)
class Hih(Grid):
    """An integer map of crop / stride cells and a decimal map of `decimal` bins along each axis of the cell.

    With u + 0.5 the edge-based coordinate of the paper, the cell is floor(u + 0.5) and the decimal part is the rest, in
    [0, 1). With bins "floor", its bin is floor(decimal * part), read back at the bin's centre: half-open intervals, as
    the paper draws them. With bins "released", targets and decoding are those of the authors' code, see
    `components.codecs.released`.

    Attributes:
        decimal: Bins along each axis.
        decimal_sigma: Standard deviation of the Gaussian on the decimal map, bins.
        bins: "floor" or "released".
        decimal_head: What the network says of the decimal part: a key in `components.heads.HEADS`, or "woo" (nothing).
        decoder: Of the decimal map: "argmax", the highest bin; or "expectation", the mean bin under the network's
            distribution (bins "floor" only).

    Raises:
        ValueError: Unknown bins or decoder, a decoder that does not go with the bins, or a size or sigma that is not
            positive or out of bounds. Which heads there are, the model knows.
    """

    decimal: int = 8
    decimal_sigma: float = 1.0
    bins: str = "floor"
    decimal_head: str = "conv"
    decoder: str = "argmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("bins", BINS), ("decoder", DECIMAL_DECODERS)):
            check_known(known, name, getattr(self, name))
        if self.bins == "released" and self.decoder != "argmax":
            # Their last two bins look alike where the decimal map is cut off.
            raise ValueError("bins 'released' are read by decoder 'argmax', as their authors do")
        if self.decimal < 1 or self.decimal_sigma <= 0:
            raise ValueError("hih takes a decimal of at least 1, and a decimal_sigma above 0")
        check_range("decimal", self.decimal, DECIMAL)
        check_range("decimal_sigma", self.decimal_sigma, SIGMA)

    @property
    def head(self) -> Head | None:
        """The head that the network needs besides its heatmaps."""
        return None if self.decimal_head == WITHOUT_OFFSET else Head(self.decimal_head, self.decimal)

    def encode(self, landmarks: np.ndarray, visible: np.ndarray) -> dict[str, np.ndarray]:
        """(N, K, 2) crop px, (N, K) bool -> cells (N, K, 2) float32, whole; parts (N, K, 2) float32, [0, 1); weight."""
        exact, weight = self.cells_and_weight(landmarks, visible)
        cells = np.floor(exact + 0.5)
        return {"cells": cells, "parts": exact + np.float32(0.5) - cells, "weight": weight}

    def render(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Encoded targets -> heatmap (N, K, h, w) and, for a head, decimal (N, K, d, d)."""
        cells, parts, weight = batch["cells"], batch["parts"], batch["weight"]
        if self.bins == "released":
            maps = {"heatmap": released.integer_maps(cells, weight, self.sigma, self.side)}
            decimal = released.decimal_maps(parts, weight, self.decimal_sigma, self.decimal)
        else:
            maps = {"heatmap": gaussian_maps(cells, weight, self.sigma, self.side)}
            bins = (parts * self.decimal).floor().clamp(0, self.decimal - 1)
            decimal = gaussian_maps(bins, weight, self.decimal_sigma, self.decimal)
        return {**maps, "decimal": decimal} if self.head else maps

    def decode(self, maps: dict[str, torch.Tensor]) -> Decoded:
        """heatmap (N, K, h, w) or (N, S, K, h, w), and the decimal part -> landmarks, crop px.

        A part is said, in cells, as offset (N, K, 2) or offset_map (N, 2, h, w), or else as decimal (N, K, d, d), a map
        of any scale.
        """
        peak, value = find_peak(last_stack(maps["heatmap"]))
        if self.bins == "released":
            peak = torch.where(value[..., None] > 0, peak, 0)
        return Decoded(from_cells(peak + self._parts(maps, peak) - 0.5, self.stride), value.clamp(0, 1))

    def _parts(self, maps: dict[str, torch.Tensor], peak: torch.Tensor) -> torch.Tensor | float:
        """The decimal part (N, K, 2), (x, y), in cells from the cell's edge."""
        if self.head is None:
            return 0.0 if self.bins == "released" else 0.5
        if "offset" in maps:
            return maps["offset"].float()
        if "offset_map" in maps:
            return offsets_at(maps["offset_map"].float(), peak)
        decimal = maps["decimal"].float()
        if self.decoder == "expectation":
            return decimal.flatten(-2).softmax(-1) @ mean_bins(self, decimal.device) / self.decimal
        bins, value = find_peak(decimal)
        if self.bins == "released":
            return torch.where(value[..., None] > 0, bins, 0) / self.decimal
        return (bins + 0.5) / self.decimal


@lru_cache(maxsize=16)
@torch.no_grad()
def mean_bins(codec: Hih, device: torch.device) -> torch.Tensor:
    """W (d * d, 2) such that the mean of the part, in bins from the cell's edge, is softmax(logits) @ W.

    Soft classification makes q = softmax(logits) the mean of the labels of all bins that are possible. The mean bin
    is linear in q then: W gives each bin for its labels. It is solved once for a configuration and a device.
    """
    places = torch.arange(codec.decimal, device=device) + 0.5
    bins = torch.cartesian_prod(places, places)  # (d * d, 2)
    drawn = gaussian_maps(bins[None] - 0.5, torch.ones_like(bins[None, :, 0]), codec.decimal_sigma, codec.decimal)
    labels = drawn[0].flatten(-2).softmax(-1)
    square = labels.T @ labels
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square), device=device)
    return torch.linalg.solve(square, labels.T @ bins)
