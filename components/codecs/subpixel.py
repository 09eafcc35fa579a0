"""Continuous heatmaps, read by a local soft-argmax.

Reference: Bulat, Sanchez, Tzimiropoulos, "Subpixel Heatmap Regression for Facial Landmark Localization", BMVC 2021,
section 3. Window 5 is reported there as the best; temperature 10 is recalled, unverified.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from components.codecs.base import Decoded, Grid, find_peak, gaussian_maps, last_stack
from components.geometry import from_cells

DECODERS = ("expectation", "soft_argmax")


@dataclass(frozen=True, kw_only=True)
class Subpixel(Grid):
    """A Gaussian around the exact position; decoded in a window around the peak.

    Attributes:
        sigma: Standard deviation of the Gaussian, cells.
        window: Odd side of the window, cells. At the border its outer part is left out, not moved inside.
        temperature: Factor on the map's values, of the soft-argmax.
        decoder: "soft_argmax", the paper's, or "expectation", the mean position under the map itself: what fits a
            network that was trained by cross-entropy, whose map is a distribution.

    Raises:
        ValueError: An unknown decoder, an even window, or a sigma or temperature that is not positive.
    """

    sigma: float
    window: int = 5
    temperature: float = 10.0
    decoder: str = "soft_argmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decoder not in DECODERS:
            raise ValueError(f"unknown decoder {self.decoder!r}; known: {', '.join(DECODERS)}")
        if self.window < 1 or self.window % 2 == 0 or self.sigma <= 0 or self.temperature <= 0:
            raise ValueError("subpixel takes an odd window, and a sigma and a temperature above 0")

    def encode(self, landmarks: np.ndarray, visible: np.ndarray) -> dict[str, np.ndarray]:
        """(N, K, 2) crop px, (N, K) bool -> cells (N, K, 2) float32, weight (N, K) float32."""
        cells, weight = self.cells_and_weight(landmarks, visible)
        return {"cells": cells, "weight": weight}

    def render(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Encoded targets -> heatmap (N, K, h, w)."""
        return {"heatmap": gaussian_maps(batch["cells"], batch["weight"], self.sigma, self.side)}

    def decode(self, maps: dict[str, torch.Tensor]) -> Decoded:
        """Heatmaps (N, K, h, w), or (N, S, K, h, w) of which the last stack counts -> landmarks, crop px."""
        heatmap = last_stack(maps["heatmap"])
        peak, value = find_peak(heatmap)
        if self.decoder == "soft_argmax":
            offset = local_soft_argmax(heatmap, peak, self.window, self.temperature)
        else:
            offset = local_expectation(heatmap, peak, self.window)
        return Decoded(from_cells(peak + offset, self.stride), value.clamp(0, 1))


def local_soft_argmax(heatmap: torch.Tensor, peak: torch.Tensor, window: int, temperature: float) -> torch.Tensor:
    """Offset from the peak: sum of o * softmax(temperature * map)_o over the offsets o of the window.

    Args:
        heatmap: (N, K, h, w).
        peak: (N, K, 2) int64, (x, y).
        window: Odd side, cells; what lies outside the map is masked.
        temperature: Factor on the map's values.

    Returns:
        (N, K, 2) float32, (x, y), cells.
    """
    values, inside = _cut_window(heatmap, peak, window)
    logits = torch.where(inside, values * temperature, -torch.inf)
    return _mean_offset(logits.flatten(-2).softmax(-1).view(values.shape))


def local_expectation(heatmap: torch.Tensor, peak: torch.Tensor, window: int) -> torch.Tensor:
    """Offset from the peak: sum of o * map_o / sum of map_o over the offsets o of the window; below 0 counts as 0.

    Arguments and result as of `local_soft_argmax`.
    """
    values, inside = _cut_window(heatmap, peak, window)
    mass = torch.where(inside, values.clamp_min(0), 0)
    return _mean_offset(mass / mass.sum((-2, -1), keepdim=True).clamp_min(1e-12))


def _cut_window(heatmap: torch.Tensor, peak: torch.Tensor, window: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Values (N, K, d, d) around the peaks, and whether each lies on the map."""
    height, width = heatmap.shape[-2:]
    offsets = torch.arange(window, device=heatmap.device) - window // 2
    x, y = peak[..., 0, None] + offsets, peak[..., 1, None] + offsets
    inside = ((y >= 0) & (y < height))[..., :, None] & ((x >= 0) & (x < width))[..., None, :]
    index = y.clamp(0, height - 1)[..., :, None] * width + x.clamp(0, width - 1)[..., None, :]
    return heatmap.flatten(-2).gather(-1, index.flatten(-2)).unflatten(-1, (window, window)), inside


def _mean_offset(share: torch.Tensor) -> torch.Tensor:
    """Shares (N, K, d, d) of sum 1 -> (N, K, 2), (x, y), cells from the middle."""
    steps = torch.arange(share.shape[-1], device=share.device, dtype=share.dtype) - share.shape[-1] // 2
    return torch.stack([(share.sum(-2) * steps).sum(-1), (share.sum(-1) * steps).sum(-1)], -1)
