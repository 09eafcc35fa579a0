"""Nested heatmaps: an integer map says which cell, a small decimal map says where inside it.

Reference: Lan, Hu, Chen, Xue, Cheng, "HIH: Towards More Accurate Face Alignment via Heatmap in Heatmap", 2021
(arXiv 2104.03100 v2), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from components.codecs.base import Decoded, Grid, find_peak, gaussian_maps, last_stack
from components.geometry import from_cells

BINS = ("floor",)


@dataclass(frozen=True, kw_only=True)
class Hih(Grid):
    """An integer map of crop / stride cells and a decimal map of `decimal` bins along each axis of the cell.

    With u + 0.5 the edge-based coordinate of the paper, the cell is floor(u + 0.5) and the decimal part is the rest, in
    [0, 1). Its bin is floor(decimal * part), read back at the bin's centre: half-open intervals, as the paper draws
    them. (The authors' code rounds to the nearest bin edge instead, which loses the last half bin.)

    Attributes:
        sigma: Standard deviation of the Gaussian on the integer map, cells.
        decimal: Bins along each axis.
        decimal_sigma: Standard deviation of the Gaussian on the decimal map, bins.
        bins: "floor".

    Raises:
        ValueError: Unknown bins, or a size or sigma that is not positive.
    """

    sigma: float
    decimal: int = 8
    decimal_sigma: float = 1.0
    bins: str = "floor"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bins not in BINS:
            raise ValueError(f"unknown bins {self.bins!r}; known: {', '.join(BINS)}")
        if self.decimal < 1 or self.sigma <= 0 or self.decimal_sigma <= 0:
            raise ValueError("hih takes a decimal of at least 1, and sigmas above 0")

    def encode(self, landmarks: np.ndarray, visible: np.ndarray) -> dict[str, np.ndarray]:
        """(N, K, 2) crop px, (N, K) bool -> cells (N, K, 2) float32, whole; bins (N, K, 2) float32, whole; weight."""
        exact, weight = self.cells_and_weight(landmarks, visible)
        cells = np.floor(exact + 0.5)
        bins = np.clip(np.floor((exact + 0.5 - cells) * self.decimal), 0, self.decimal - 1)
        return {"cells": cells, "bins": bins, "weight": weight}

    def render(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Encoded targets -> heatmap (N, K, h, w) and decimal (N, K, d, d)."""
        return {
            "heatmap": gaussian_maps(batch["cells"], batch["weight"], self.sigma, self.side),
            "decimal": gaussian_maps(batch["bins"], batch["weight"], self.decimal_sigma, self.decimal),
        }

    def decode(self, maps: dict[str, torch.Tensor]) -> Decoded:
        """heatmap (N, K, h, w) or (N, S, K, h, w), decimal (N, K, d, d) of any scale -> landmarks, crop px."""
        peak, value = find_peak(last_stack(maps["heatmap"]))
        bins, _ = find_peak(maps["decimal"].float())
        cells = peak + (bins + 0.5) / self.decimal - 0.5
        return Decoded(from_cells(cells, self.stride), value.clamp(0, 1))
