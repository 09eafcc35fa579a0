"""Decoders: where inside and around its highest cell a map's landmark lies. A choice apart from how maps are drawn.

Every decoder takes heatmaps (N, K, h, w) float32, their peaks (N, K, 2) int64, (x, y), and a `Reading`; it returns the
offset from the peak, (N, K, 2) float32, (x, y), cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn import functional

# A probability below this is nothing; keeps logarithms finite, as in DARK's published code.
TINY = 1e-10


class Reading(NamedTuple):
    """What decoders are told.

    Attributes:
        sigma: Of the Gaussians that were drawn, cells.
        window: Odd side of the square around the peak that is looked at, cells.
        temperature: Factor on the map's values before a softmax.
    """

    sigma: float
    window: int
    temperature: float


def argmax(heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    """The peak's centre."""
    return torch.zeros_like(peak, dtype=torch.float32)


def quarter(heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    """A quarter of the sign of the slope at the peak, per axis; 0 where it is flat, and across the border: there the map
    goes on as its own mirror image, so that a peak with one neighbour stays where it is.

    Reference: Newell, Yang, Deng, "Stacked Hourglass Networks", ECCV 2016, section 3.3.
    """
    padded = functional.pad(heatmap, (1, 1, 1, 1), mode="reflect").flatten(-2)
    width = heatmap.shape[-1] + 2
    at = (peak[..., 1] + 1) * width + peak[..., 0] + 1
    right, left, below, above = (padded.gather(-1, (at + step)[..., None])[..., 0] for step in (1, -1, width, -width))
    return torch.stack([torch.sign(right - left), torch.sign(below - above)], -1) * 0.25


def soft_argmax(heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    """sum of o * softmax(temperature * map)_o over the offsets o of the window; outside the map is masked.

    Reference: Bulat, Sanchez, Tzimiropoulos, "Subpixel Heatmap Regression", BMVC 2021, section 3.
    """
    values, inside = cut_window(heatmap, peak, reading.window)
    logits = torch.where(inside, values * reading.temperature, -torch.inf)
    return _mean_offset(logits.flatten(-2).softmax(-1).view(values.shape))


def expectation(heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    """sum of o * map_o / sum of map_o over the offsets o of the window; below 0 counts as 0.

    What fits a network that was trained by cross-entropy: its map is a distribution.
    """
    values, inside = cut_window(heatmap, peak, reading.window)
    mass = torch.where(inside, values.clamp_min(0), 0)
    return _mean_offset(mass / mass.sum((-2, -1), keepdim=True).clamp_min(TINY))


def log_quadratic(heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    """The top of the parabola through the logarithms of the peak and its two neighbours, per axis.

    Exact on any Gaussian; o = (l(-1) - l(1)) / (2 l(-1) - 4 l(0) + 2 l(1)). 0 along an axis with a neighbour missing.
    """
    values, inside = cut_window(heatmap, peak, 3)
    logs = values.clamp_min(TINY).log()
    lines = torch.stack([logs[..., 1, :], logs[..., :, 1]], -2)  # along x, along y
    whole = torch.stack([inside[..., 1, :], inside[..., :, 1]], -2).all(-1)
    before, at, after = lines.unbind(-1)
    bend = 2 * before - 4 * at + 2 * after
    offset = (before - after) / torch.where(bend < 0, bend, -torch.inf)
    return torch.where(whole, offset, 0).clamp(-1, 1)


def dark(heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    """One Newton step on the logarithm of the map, blurred by its own sigma first; at most one cell along each axis.

    0 where its stencil of 5 x 5 leaves the map, as published.

    Reference: Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation" (DARK), CVPR 2020,
    section 3.1; derivatives by central differences as in the published code.
    """
    radius = round(3 * reading.sigma)
    values, inside = cut_window(heatmap, peak, 2 * radius + 5)
    kernel = torch.exp(-((torch.arange(2 * radius + 1, device=heatmap.device) - radius) ** 2) / (2 * reading.sigma**2))
    # (5, window): each row is the kernel, one cell further. The blur is separable: rows, then columns.
    blur = torch.stack([functional.pad(kernel / kernel.sum(), (i, 4 - i)) for i in range(5)])
    logs = (blur @ torch.where(inside, values, 0) @ blur.T).clamp_min(TINY).log()
    dx, dy = (logs[..., 2, 3] - logs[..., 2, 1]) / 2, (logs[..., 3, 2] - logs[..., 1, 2]) / 2
    dxx = (logs[..., 2, 4] - 2 * logs[..., 2, 2] + logs[..., 2, 0]) / 4
    dyy = (logs[..., 4, 2] - 2 * logs[..., 2, 2] + logs[..., 0, 2]) / 4
    dxy = (logs[..., 3, 3] - logs[..., 1, 3] - logs[..., 3, 1] + logs[..., 1, 1]) / 4
    determinant = dxx * dyy - dxy**2
    # A maximum has a negative definite second derivative; anything else is noise, and stays at the peak.
    proper = (determinant > 0) & (dxx < 0) & inside[..., radius : radius + 5, radius : radius + 5].all(-1).all(-1)
    step = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], -1) / torch.where(proper, determinant, 1)[..., None]
    return torch.where(proper[..., None], step, 0).clamp(-1, 1)


def cut_window(heatmap: torch.Tensor, peak: torch.Tensor, window: int) -> tuple[torch.Tensor, torch.Tensor]:
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


DECODERS: dict[str, Callable[[torch.Tensor, torch.Tensor, Reading], torch.Tensor]] = {
    "argmax": argmax,
    "dark": dark,
    "expectation": expectation,
    "log_quadratic": log_quadratic,
    "quarter": quarter,
    "soft_argmax": soft_argmax,
}
