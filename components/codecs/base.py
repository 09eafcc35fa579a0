"""What all codecs share: the grid of cells, which landmarks lie on it, and how maps are drawn and read."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from components.geometry import to_cells
from components.interfaces import Head
from components.limits import Range, check_range

# A batch of 64 such crops takes 3 GB as bytes; published ones have 256 px.
CROP = Range(1, 4096, "a batch of larger crops does not fit into memory")
# Of a decoder's square around the peak: from any cell, 127 cells see the whole of a map of 64, the published size.
MAX_WINDOW = 127
# What `dark` reads around a peak is six sigmas and five cells wide, which stays below the widest window up to here.
SIGMA = Range(0, 20, "the widest window, of 127 cells, holds six sigmas of it")


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A square heatmap over a square crop; its fields begin every codec's configuration.

    Attributes:
        crop: Side of the crop, px.
        stride: Crop px per cell.
        sigma: Standard deviation of the Gaussian on the heatmap, cells.

    Raises:
        ValueError: The stride does not divide the crop, the sigma is not positive, or one of them is out of its bounds.
    """

    crop: int
    stride: int
    sigma: float

    def __post_init__(self) -> None:
        if self.crop <= 0 or self.stride <= 0 or self.crop % self.stride:
            raise ValueError(f"stride {self.stride} does not divide crop {self.crop}")
        if self.sigma <= 0:
            raise ValueError(f"a sigma is above 0, got {self.sigma}")
        check_range("crop", self.crop, CROP)
        check_range("sigma", self.sigma, SIGMA)

    @property
    def side(self) -> int:
        """Cells along each axis of the map."""
        return self.crop // self.stride

    @property
    def target_rms(self) -> float:
        """Root mean square of a drawn heatmap: of a Gaussian with peak 1, whose square sums to pi sigma^2."""
        return math.sqrt(math.pi) * self.sigma / self.side

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


# A profile goes no lower than exp(-43), 2e-19: the square of that is still a normal float32. Smaller products would be
# denormal, on which CPUs spend a hundred times as long, and nothing that is added to a peak of 1 shows them.
LOWEST = -43.0


def gaussian_maps(centre: torch.Tensor, weight: torch.Tensor, sigma: float, side: int) -> torch.Tensor:
    """Gaussians with peak 1 on a square grid: exp(-((i - x)^2 + (j - y)^2) / (2 sigma^2)), as an outer product, to 2e-19.

    Args:
        centre: (N, K, 2), (x, y), cells.
        weight: (N, K); the maps of weight 0 are 0.
        sigma: Cells.
        side: h = w.

    Returns:
        (N, K, h, w) float32, indexed [row y, column x].
    """
    steps = torch.arange(side, device=centre.device, dtype=torch.float32)
    profile = (((steps - centre[..., None].float()) ** 2) / (-2 * sigma**2)).clamp_min_(LOWEST).exp_()
    return (profile[..., 1, :] * weight[..., None])[..., :, None] * profile[..., 0, None, :]


def last_stack(heatmap: torch.Tensor) -> torch.Tensor:
    """(N, K, h, w) as it is, or the last of (N, S, K, h, w) stacks; in float32."""
    return (heatmap[:, -1] if heatmap.ndim == 5 else heatmap).float()
