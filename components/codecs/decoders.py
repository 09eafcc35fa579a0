"""Decoders: where inside and around its highest cell a map's landmark lies. A choice apart from how maps are drawn.

Every decoder takes heatmaps (N, K, h, w) float32, their peaks (N, K, 2) int64, (x, y), and a `Reading`; it returns the
offset from the peak, (N, K, 2) float32, (x, y), cells.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
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
    width = heatmap.shape[-1]
    right, below, left, above = read_cells(heatmap, peak, torch.tensor([1, width, -1, -width])).unbind(-1)
    slope = torch.stack([right - left, below - above], -1)
    return torch.where(off_border(heatmap, peak, 1), torch.sign(slope), 0) * 0.25


def soft_argmax(heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    """sum of o * softmax(temperature * map)_o over the offsets o of the window; outside the map is masked.

    Reference: Bulat, Sanchez, Tzimiropoulos, "Subpixel Heatmap Regression", BMVC 2021, section 3.
    """
    values = read_window(heatmap, peak, reading.window)
    above = values - values[..., values.shape[-1] // 2, None]  # the peak: no exponent is above 0
    mass = clear_outside(above.mul_(reading.temperature).exp_(), heatmap, peak, reading.window)
    return _mean_offset(mass, reading.window)


def expectation(heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    """sum of o * map_o / sum of map_o over the offsets o of the window; below 0 counts as 0.

    What fits a network that was trained by cross-entropy: its map is a distribution.
    """
    values = read_window(heatmap, peak, reading.window).clamp_min_(0)
    return _mean_offset(clear_outside(values, heatmap, peak, reading.window), reading.window)


def log_quadratic(heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    """The top of the parabola through the logarithms of the peak and its two neighbours, per axis.

    Exact on any Gaussian; o = (l(-1) - l(1)) / (2 l(-1) - 4 l(0) + 2 l(1)). 0 along an axis with a neighbour missing.
    """
    width = heatmap.shape[-1]
    # Before, at and after the peak: along x, and along y.
    steps = torch.tensor([-1, 0, 1, -width, 0, width])
    logs = read_cells(heatmap, peak, steps).clamp_min(TINY).log().unflatten(-1, (2, 3))
    before, at, after = logs.unbind(-1)
    bend = 2 * before - 4 * at + 2 * after
    offset = (before - after) / torch.where(bend < 0, bend, -torch.inf)
    return torch.where(off_border(heatmap, peak, 1), offset, 0).clamp(-1, 1)


def dark(heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    """One Newton step on the logarithm of the map, blurred by its own sigma first; at most one cell along each axis.

    0 where its stencil of 5 x 5 leaves the map, as published.

    Reference: Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation" (DARK), CVPR 2020,
    section 3.1; derivatives by central differences as in the published code.
    """
    radius = round(3 * reading.sigma)
    # The stencil of 5 x 5 and the kernel's radius around it: 13 x 13 cells at sigma 1.5. Fewer are not enough: by a kernel
    # of 7 x 7, which ends at two sigmas, perfect maps lose ten times as much (tests/studies/test_floor_quantisation.py).
    values = clear_outside(read_window(heatmap, peak, 2 * radius + 5), heatmap, peak, 2 * radius + 5)
    blur, differences = _blur_of_a_stencil(reading.sigma, heatmap.device), _central_differences(heatmap.device)
    # The landmarks come last in these products: a CPU multiplies few long rows faster than many short ones.
    logs = (blur @ values.flatten(0, 1).T).clamp_min_(TINY).log_()
    dx, dy, dxx, dyy, dxy = (differences @ logs).unflatten(-1, peak.shape[:-1])
    determinant = dxx * dyy - dxy**2
    # A maximum has a negative definite second derivative; anything else is noise, and stays at the peak.
    proper = (determinant > 0) & (dxx < 0) & off_border(heatmap, peak, 2).all(-1)
    step = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], -1) / torch.where(proper, determinant, 1)[..., None]
    return torch.where(proper[..., None], step, 0).clamp(-1, 1)


@lru_cache(maxsize=16)
def _blur_of_a_stencil(sigma: float, device: torch.device) -> torch.Tensor:
    """(25, window^2): this times the square around a peak is the blurred stencil of 5 x 5, and no other cell."""
    radius = round(3 * sigma)
    kernel = torch.exp(-((torch.arange(2 * radius + 1, device=device) - radius) ** 2) / (2 * sigma**2))
    # (5, window): each row is the kernel, one cell further; then the same in both directions.
    line = torch.stack([functional.pad(kernel / kernel.sum(), (i, 4 - i)) for i in range(5)])
    return torch.kron(line, line)


@lru_cache(maxsize=16)
def _central_differences(device: torch.device) -> torch.Tensor:
    """(5, 25): these times a stencil of 5 x 5 are d/dx, d/dy, d2/dx2, d2/dy2 and d2/dxdy at its middle."""
    here, slope, bend = torch.tensor([[0, 0, 1, 0, 0], [0, -0.5, 0, 0.5, 0], [0.25, 0, -0.5, 0, 0.25]], device=device)
    pairs = ((here, slope), (slope, here), (here, bend), (bend, here), (slope, slope))  # along y, along x
    return torch.stack([torch.kron(down, across) for down, across in pairs])


def read_window(heatmap: torch.Tensor, peak: torch.Tensor, window: int) -> torch.Tensor:
    """Values (N, K, d * d) of the square around the peaks, row by row; beyond the map, of any of its cells."""
    steps = torch.arange(window, device=heatmap.device) - window // 2
    return read_cells(heatmap, peak, (steps[:, None] * heatmap.shape[-1] + steps).flatten())


def clear_outside(values: torch.Tensor, heatmap: torch.Tensor, peak: torch.Tensor, window: int) -> torch.Tensor:
    """Values (N, K, d * d) of such a square, changed in place: 0 beyond the map.

    Times whole rows that are looked up: a product broadcast over rows and columns of the square takes more than twice as long on a CPU.
    """
    height, width = heatmap.shape[-2:]
    values.mul_(functional.embedding(peak[..., 0], _on_the_map(width, window, heatmap.device)))
    return values.mul_(functional.embedding(peak[..., 1], _on_the_map(height, window, heatmap.device, down=True)))


@lru_cache(maxsize=16)
def _on_the_map(size: int, window: int, device: torch.device, down: bool = False) -> torch.Tensor:
    """(size, d * d): for a peak at each cell of the axis across, or down, 1 where a cell of its square is on the map, else 0."""
    at = torch.arange(size, device=device)[:, None] + torch.arange(window, device=device) - window // 2
    inside = ((at >= 0) & (at < size)).float()
    return inside.repeat_interleave(window, 1) if down else inside.repeat(1, window)


def read_cells(heatmap: torch.Tensor, peak: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Values (N, K, M) of the cells so many steps (M,) from the peaks, in reading order; beyond the map, of any of its cells.

    By one look-up of single numbers, wherever they lie in memory: torch's gather takes five times as long on a CPU. An
    exported graph, which knows neither memory nor the number of faces, gathers.
    """
    height, width = heatmap.shape[-2:]
    exporting = torch.compiler.is_exporting()
    if not exporting and heatmap.numel() < 2**31:
        peak = peak.to(torch.int32)  # half of the memory, where it is enough
    near = (peak[..., 1] * width + peak[..., 0])[..., None] + steps.to(peak)
    near = near.clamp_(0, height * width - 1)
    if exporting or not heatmap.is_contiguous():
        return heatmap.flatten(-2).gather(-1, near.long())
    first = torch.arange(0, heatmap.numel(), height * width, device=peak.device, dtype=peak.dtype)
    return heatmap.flatten().index_select(0, near.add_(first.view(*peak.shape[:-1], 1)).flatten()).view(near.shape)


def off_border(heatmap: torch.Tensor, peak: torch.Tensor, cells: int) -> torch.Tensor:
    """Whether so many cells to either side of the peaks lie on the map, per axis: (N, K, 2) bool."""
    height, width = heatmap.shape[-2:]
    last = torch.tensor([width - 1, height - 1], device=peak.device)
    return (peak >= cells) & (peak <= last - cells)


def _mean_offset(mass: torch.Tensor, window: int) -> torch.Tensor:
    """Masses (N, K, d * d), not negative -> their mean place, (N, K, 2), (x, y), cells from the middle."""
    steps = torch.arange(window, device=mass.device, dtype=mass.dtype) - window // 2
    # One product gives both moments and the sum: columns x, y and 1, a row for each cell.
    x, y = steps.repeat(window), steps.repeat_interleave(window)
    moments = mass @ torch.stack([x, y, torch.ones_like(x)], -1)
    return moments[..., :2] / moments[..., 2:].clamp_min(TINY)


DECODERS: dict[str, Callable[[torch.Tensor, torch.Tensor, Reading], torch.Tensor]] = {
    "argmax": argmax,
    "dark": dark,
    "expectation": expectation,
    "log_quadratic": log_quadratic,
    "quarter": quarter,
    "soft_argmax": soft_argmax,
}
