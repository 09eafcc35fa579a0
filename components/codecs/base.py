"""What all codecs share: the grid of cells, which landmarks lie on it, and how maps are drawn and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from components.geometry import to_cells
from components.networks.heads import Head


class Decoded(NamedTuple):
    """Landmarks read off maps.

    Attributes:
        landmarks: (N, K, 2) float32, (x, y), crop px.
        confidence: (N, K) float32, the map's highest value clipped to [0, 1]; a perfect map gives about 1.
    """

    landmarks: torch.Tensor
    confidence: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A square heatmap over a square crop; its fields begin every codec's configuration.

    Attributes:
        crop: Side of the crop, px.
        stride: Crop px per cell.

    Raises:
        ValueError: The stride does not divide the crop.
    """

    crop: int
    stride: int

    def __post_init__(self) -> None:
        if self.crop <= 0 or self.stride <= 0 or self.crop % self.stride:
            raise ValueError(f"stride {self.stride} does not divide crop {self.crop}")

    @property
    def side(self) -> int:
        """Cells along each axis of the map."""
        return self.crop // self.stride

    @property
    def head(self) -> Head | None:
        """What the network must say besides its heatmaps."""
        return None

    def cells_and_weight(self, landmarks: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places landmarks on the grid.

        Args:
            landmarks: (N, K, 2), (x, y), crop px; may be outside the crop or NaN.
            visible: (N, K) bool; False takes a landmark out of the training.

        Returns:
            cells (N, K, 2) float32, centre-based, and weight (N, K) float32: 1 where the landmark is to be learnt,
            else 0, with its cells set to 0. A landmark outside the map has no cell and so no weight.
        """
        cells = to_cells(np.asarray(landmarks, np.float32), self.stride)
        on_map = np.all((cells >= -0.5) & (cells < self.side - 0.5), axis=-1) & np.asarray(visible, bool)
        return np.where(on_map[..., None], cells, 0).astype(np.float32), on_map.astype(np.float32)


def gaussian_maps(centre: torch.Tensor, weight: torch.Tensor, sigma: float, side: int) -> torch.Tensor:
    """Gaussians with peak 1 on a square grid: exp(-((i - x)^2 + (j - y)^2) / (2 sigma^2)), as an outer product.

    Args:
        centre: (N, K, 2), (x, y), cells.
        weight: (N, K); the maps of weight 0 are 0.
        sigma: Cells.
        side: h = w.

    Returns:
        (N, K, h, w) float32, indexed [row y, column x].
    """
    steps = torch.arange(side, device=centre.device, dtype=torch.float32)
    profile = torch.exp(-((steps - centre[..., None].float()) ** 2) / (2 * sigma**2))
    return (profile[..., 1, :] * weight[..., None])[..., :, None] * profile[..., 0, None, :]


def last_stack(heatmap: torch.Tensor) -> torch.Tensor:
    """(N, K, h, w) as it is, or the last of (N, S, K, h, w) stacks; in float32."""
    return (heatmap[:, -1] if heatmap.ndim == 5 else heatmap).float()


def find_peak(heatmap: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest cell of each map (N, K, h, w).

    Row maxima first: on a CPU, torch reads `amax` 11 times faster than `argmax` over the flattened map.

    Returns:
        cell (N, K, 2) int64, (x, y), and its value (N, K).
    """
    y = heatmap.amax(-1).argmax(-1)
    row = heatmap.gather(-2, y[..., None, None].expand(*y.shape, 1, heatmap.shape[-1])).squeeze(-2)
    value, x = row.max(-1)
    return torch.stack([x, y], -1), value


def offsets_at(offset_map: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """What a map of offsets (N, 2, h, w) says at whole cells (N, K, 2), (x, y): (N, K, 2), (x, y)."""
    index = (cells[..., 1] * offset_map.shape[-1] + cells[..., 0]).long()
    return offset_map.flatten(-2).gather(-1, index[:, None].expand(-1, 2, -1)).transpose(1, 2)
