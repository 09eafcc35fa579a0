"""The decoders' quick ways against the formulas written out: whole maps padded, all cells weighed, all cells blurred."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from components.codecs import DECODERS
from components.codecs.base import gaussian_maps
from components.codecs.decoders import Reading
from components.peaks import find_peak


def offset(decoder: str, heatmap: torch.Tensor, peak: torch.Tensor, reading: Reading) -> torch.Tensor:
    return DECODERS[decoder](heatmap, peak, reading)


@pytest.fixture(params=[(8, 8), (5, 5), (24, 24), (6, 9), (9, 6)], ids=str)
def heatmap(request: pytest.FixtureRequest) -> torch.Tensor:
    """(2, 200, h, w): noise, whose peaks lie anywhere, at the border and in the corners too."""
    return torch.randn(2, 200, *request.param, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def drawn() -> torch.Tensor:
    """(2, 200, 24, 24): Gaussians of sigma 1.5 at random places, under noise."""
    rng = torch.Generator().manual_seed(0)
    maps = gaussian_maps(torch.rand(2, 200, 2, generator=rng) * 23, torch.ones(2, 200), 1.5, 24)
    return maps + 0.02 * torch.randn(maps.shape, generator=rng)


def as_networks_give_them(maps: torch.Tensor) -> torch.Tensor:
    """The same maps with the landmarks next to each other in memory, as a convolution in channels_last leaves them."""
    return maps.contiguous(memory_format=torch.channels_last)


class Near:
    """How far each cell of a map is from its peak, and whether it is in the window around it."""

    def __init__(self, peak: torch.Tensor, size: torch.Size, window: int) -> None:
        height, width = size
        self.dx = torch.arange(width).double() - peak[..., 0, None, None]
        self.dy = torch.arange(height).double()[:, None] - peak[..., 1, None, None]
        self.inside = (self.dx.abs() <= window // 2) & (self.dy.abs() <= window // 2)

    def mean(self, share: torch.Tensor) -> torch.Tensor:
        return torch.stack([(share * self.dx).sum((-2, -1)), (share * self.dy).sum((-2, -1))], -1)


def test_the_quarter_is_that_of_a_map_padded_with_its_mirror_image(heatmap: torch.Tensor) -> None:
    peak, _ = find_peak(heatmap)
    padded = functional.pad(heatmap, (1, 1, 1, 1), mode="reflect")
    n, k = torch.meshgrid(torch.arange(2), torch.arange(200), indexing="ij")
    x, y = peak[..., 0] + 1, peak[..., 1] + 1
    right, left = padded[n, k, y, x + 1], padded[n, k, y, x - 1]
    below, above = padded[n, k, y + 1, x], padded[n, k, y - 1, x]
    expected = torch.stack([torch.sign(right - left), torch.sign(below - above)], -1) / 4
    assert {-0.25, 0.0, 0.25} == set(expected.flatten().tolist())
    assert torch.equal(expected, offset("quarter", heatmap, peak, Reading(1.5, 5, 10.0)))


@pytest.mark.parametrize(("window", "temperature"), [(1, 10.0), (3, 40.0), (5, 10.0), (7, 2.0), (47, 10.0)])
def test_the_soft_argmax_is_the_mean_of_a_softmax_over_the_cells_of_the_window(
    heatmap: torch.Tensor, window: int, temperature: float
) -> None:
    peak, _ = find_peak(heatmap)
    near = Near(peak, heatmap.shape[-2:], window)
    logits = torch.where(near.inside, heatmap.double() * temperature, -math.inf).flatten(-2)
    expected = near.mean(logits.softmax(-1).view(heatmap.shape))
    torch.testing.assert_close(
        offset("soft_argmax", heatmap, peak, Reading(1.5, window, temperature)).double(), expected, atol=2e-5, rtol=0
    )


@pytest.mark.parametrize("window", [1, 3, 7, 47])
def test_the_expectation_is_the_mean_place_of_what_is_above_0_in_the_window(heatmap: torch.Tensor, window: int) -> None:
    peak, _ = find_peak(heatmap)
    near = Near(peak, heatmap.shape[-2:], window)
    mass = torch.where(near.inside, heatmap.double().clamp_min(0), 0)
    expected = near.mean(mass / mass.sum((-2, -1), keepdim=True))
    torch.testing.assert_close(
        offset("expectation", heatmap, peak, Reading(1.5, window, 10.0)).double(), expected, atol=2e-5, rtol=0
    )


@pytest.mark.parametrize("sigma", [0.8, 1.0, 1.5, 2.0])
def test_dark_is_the_newton_step_on_the_whole_map_blurred(drawn: torch.Tensor, sigma: float) -> None:
    peak, _ = find_peak(drawn)
    radius = round(3 * sigma)
    kernel = torch.exp(-((torch.arange(2 * radius + 1).double() - radius) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum())[None, None]
    maps = drawn.double().flatten(0, 1)[:, None]
    blurred = functional.conv2d(maps, kernel[..., None, :], padding=(0, radius))
    logs = (
        functional.conv2d(blurred, kernel[..., :, None], padding=(radius, 0)).clamp_min(1e-10).log().view(drawn.shape)
    )
    n, k = torch.meshgrid(torch.arange(2), torch.arange(200), indexing="ij")
    x, y = peak.unbind(-1)
    whole = (x >= 2) & (x < 22) & (y >= 2) & (y < 22)
    x, y = x.clamp(2, 21), y.clamp(2, 21)

    def at(dx: int, dy: int) -> torch.Tensor:
        return logs[n, k, y + dy, x + dx]

    slope = torch.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], -1) / 2
    mixed = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    across, down = ((at(*far) - 2 * at(0, 0) + at(*back)) / 4 for far, back in (((2, 0), (-2, 0)), ((0, 2), (0, -2))))
    bend = torch.stack([torch.stack([across, mixed], -1), torch.stack([mixed, down], -1)], -2)
    proper = whole & (torch.linalg.det(bend) > 0) & (across < 0)
    expected = torch.where(proper[..., None], -torch.linalg.solve(bend, slope), 0).clamp(-1, 1)
    assert 250 < proper.sum()
    # float32 against float64: logarithms of about 1e-7, over a curvature of a few tenths; where it is nearly flat, more.
    torch.testing.assert_close(
        offset("dark", drawn, peak, Reading(sigma, 5, 10.0)).double(), expected, atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize("decoder", sorted(DECODERS))
def test_the_layout_in_memory_changes_nothing(drawn: torch.Tensor, decoder: str) -> None:
    peak, value = find_peak(drawn)
    strided = as_networks_give_them(drawn)
    assert not strided.is_contiguous()
    assert torch.equal(peak, find_peak(strided)[0])
    assert torch.equal(value, find_peak(strided)[1])
    reading = Reading(1.5, 5, 10.0)
    assert torch.equal(offset(decoder, drawn, peak, reading), offset(decoder, strided, peak, reading))
