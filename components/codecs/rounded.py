"""The baseline that both papers mend: the Gaussian's centre rounded to a cell, read as argmax and a quarter.

Reference: Newell, Yang, Deng, "Stacked Hourglass Networks", ECCV 2016, section 3.3 (the quarter).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from components.codecs.base import Decoded, Grid, find_peak, gaussian_maps, last_stack
from components.geometry import from_cells


@dataclass(frozen=True, kw_only=True)
class Rounded(Grid):
    """A Gaussian around the nearest cell; decoded as the peak, moved a quarter cell to its higher neighbour.

    Attributes:
        sigma: Standard deviation of the Gaussian, cells.

    Raises:
        ValueError: A sigma that is not positive.
    """

    sigma: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sigma <= 0:
            raise ValueError(f"rounded takes a sigma above 0, got {self.sigma}")

    def encode(self, landmarks: np.ndarray, visible: np.ndarray) -> dict[str, np.ndarray]:
        """(N, K, 2) crop px, (N, K) bool -> cells (N, K, 2) float32, whole; weight (N, K) float32."""
        cells, weight = self.cells_and_weight(landmarks, visible)
        return {"cells": np.floor(cells + 0.5), "weight": weight}

    def render(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Encoded targets -> heatmap (N, K, h, w)."""
        return {"heatmap": gaussian_maps(batch["cells"], batch["weight"], self.sigma, self.side)}

    def decode(self, maps: dict[str, torch.Tensor]) -> Decoded:
        """Heatmaps (N, K, h, w), or (N, S, K, h, w) of which the last stack counts -> landmarks, crop px."""
        heatmap = last_stack(maps["heatmap"])
        peak, value = find_peak(heatmap)
        return Decoded(from_cells(peak + _quarter(heatmap, peak), self.stride), value.clamp(0, 1))


def _quarter(heatmap: torch.Tensor, peak: torch.Tensor) -> torch.Tensor:
    """A quarter of the sign of the slope at the peak, per axis; 0 where it is flat, and across the border: there the map
    goes on as its own mirror image, so that a peak with one neighbour stays where it is."""
    padded = functional.pad(heatmap, (1, 1, 1, 1), mode="reflect").flatten(-2)
    width = heatmap.shape[-1] + 2
    at = (peak[..., 1] + 1) * width + peak[..., 0] + 1
    right, left, below, above = (padded.gather(-1, (at + step)[..., None])[..., 0] for step in (1, -1, width, -width))
    return torch.stack([torch.sign(right - left), torch.sign(below - above)], -1) * 0.25
