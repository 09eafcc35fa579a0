"""HIH's targets exactly as its authors' code draws them, its two defects included.

* The integer map's window is placed by truncation towards 0: in cells 0 to 4, at sigma 1.5, the peak is a cell too far.
* A decimal part of 15/16 and more has its peak on a bin beyond the last, and is read as 7/8.

Reference: starhiking/HeatmapInHeatmap at 7174ea2, the functions that draw the integer and the decimal map.
"""

from __future__ import annotations

import math

import torch

from components.codecs.base import LOWEST


def integer_maps(cells: torch.Tensor, weight: torch.Tensor, sigma: float, side: int) -> torch.Tensor:
    """Whole cells (N, K, 2), (x, y) -> (N, K, h, w); at sigma 1.5 a window of 10 x 10, the peak at its sixth cell."""
    return _pasted(torch.trunc(cells - 3 * sigma), torch.trunc(cells + 3 * sigma), weight, sigma, side)


def decimal_maps(parts: torch.Tensor, weight: torch.Tensor, sigma: float, bins: int) -> torch.Tensor:
    """Parts (N, K, 2) in [0, 1), (x, y) -> (N, K, d, d); the window is placed by rounding, halves to even."""
    place = parts * bins
    return _pasted(torch.round(place - 3 * sigma), torch.round(place + 3 * sigma), weight, sigma, bins)


def _pasted(first: torch.Tensor, last: torch.Tensor, weight: torch.Tensor, sigma: float, side: int) -> torch.Tensor:
    """A kernel of ceil(6 sigma + 1) cells from `first` to `last` (both inclusive), cut at the map's border."""
    size = 6 * sigma + 1
    steps = torch.arange(side, device=first.device, dtype=torch.float32)
    from_first = steps - first[..., None]
    inside = (from_first >= 0) & (from_first < math.ceil(size)) & (steps <= last[..., None])
    exponent = ((from_first - size // 2) ** 2 / (-2 * sigma**2)).clamp_min(LOWEST)  # far outside, where it is not used
    profile = torch.where(inside, exponent.exp(), 0)
    return (profile[..., 1, :] * weight[..., None])[..., :, None] * profile[..., 0, None, :]
