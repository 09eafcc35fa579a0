"""Decoders of one Gaussian: against plain loops, at the border, and what they lose on perfect maps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from components.codecs import CODECS, DECODERS, Subpixel
from components.codecs.base import gaussian_maps
from components.codecs.decoders import Reading
from components.peaks import find_peak

READING = Reading(sigma=1.5, window=5, temperature=10.0)


@pytest.fixture(params=sorted(DECODERS))
def decoder(request: pytest.FixtureRequest) -> str:
    return request.param


def noise(count: int, side: int, level: float) -> torch.Tensor:
    """(1, count, side, side): Gaussians at random places under noise."""
    rng = torch.Generator().manual_seed(0)
    centre = torch.rand(1, count, 2, generator=rng) * (side - 1)
    maps = gaussian_maps(centre, torch.ones(1, count), 1.5, side)
    return maps + level * torch.randn(maps.shape, generator=rng)


def test_the_registry_is_sorted() -> None:
    assert sorted(DECODERS) == list(DECODERS)


def test_every_codec_of_one_gaussian_takes_every_decoder(decoder: str) -> None:
    for name in ("rounded", "subpixel"):
        codec = CODECS[name](crop=32, stride=4, sigma=1.5, decoder=decoder)
        landmarks = codec.decode({"heatmap": noise(5, 8, 0.05)}).landmarks
        assert (1, 5, 2) == landmarks.shape
        assert landmarks.isfinite().all()


def test_no_decoder_leaves_its_window_whatever_the_map(decoder: str) -> None:
    for heatmap in (noise(200, 8, 1.0), -noise(200, 8, 1.0), torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), -9.0)):
        offset = DECODERS[decoder](heatmap, find_peak(heatmap)[0], READING)
        assert offset.isfinite().all()
        assert 2.0 >= offset.abs().max()


def test_a_mirrored_map_has_the_mirrored_offset(decoder: str) -> None:
    heatmap = noise(200, 12, 0.05)
    offset = DECODERS[decoder](heatmap, find_peak(heatmap)[0], READING)
    mirrored = heatmap.flip(-1)
    other = DECODERS[decoder](mirrored, find_peak(mirrored)[0], READING)
    torch.testing.assert_close(offset * torch.tensor([-1.0, 1.0]), other, atol=1e-4, rtol=0)


def test_axes_are_read_alike(decoder: str) -> None:
    heatmap = noise(200, 12, 0.05)
    peak = find_peak(heatmap)[0]
    offset = DECODERS[decoder](heatmap, peak, READING)
    turned = DECODERS[decoder](heatmap.transpose(-1, -2), peak.flip(-1), READING)
    torch.testing.assert_close(offset.flip(-1), turned, atol=1e-4, rtol=0)


# Mean error on perfect continuous maps, in cells, where the window lies inside the map, sigma 1, 1.5 and 2: the table of
# decoders measured for the papers (DARK blurred by its own sigma is as exact as without blur).
@pytest.mark.parametrize(
    ("decoder", "floors"),
    [
        ("argmax", (0.380, 0.380, 0.380)),
        ("quarter", (0.190, 0.190, 0.190)),
        ("dark", (0.0, 0.0, 0.0)),
        ("log_quadratic", (0.0, 0.0, 0.0)),
        ("soft_argmax", (0.135, 0.029, 0.0095)),
    ],
)
def test_perfect_maps_are_read_with_the_known_error(
    cell_errors: Callable, uniform: Callable, decoder: str, floors: tuple[float, ...]
) -> None:
    for sigma, floor in zip((1.0, 1.5, 2.0), floors, strict=True):
        errors = cell_errors(Subpixel(crop=256, stride=4, sigma=sigma, decoder=decoder), uniform(8, 55))
        np.testing.assert_allclose(np.linalg.norm(errors, axis=1).mean(), floor, atol=0.002)


@pytest.mark.parametrize(
    ("decoder", "known"),
    [("argmax", 0.426), ("quarter", 0.252), ("soft_argmax", 0.120), ("log_quadratic", 0.154), ("dark", 0.050)],
)
def test_under_noise_of_a_twentieth_the_known_error_remains(decoder: str, known: float) -> None:
    # The same table, at sigma 1.5; 0.050 is the Cramer-Rao bound.
    rng = torch.Generator().manual_seed(0)
    centre = 20 + 20 * torch.rand(4, 1000, 2, generator=rng)
    maps = gaussian_maps(centre, torch.ones(4, 1000), 1.5, 64)
    maps = maps + 0.05 * torch.randn(maps.shape, generator=rng)
    peak, _ = find_peak(maps)
    errors = (peak + DECODERS[decoder](maps, peak, READING) - centre).norm(dim=-1)
    assert known == pytest.approx(errors.mean().item(), abs=0.005)


def test_dark_is_the_newton_step_of_a_plain_loop() -> None:
    heatmap = noise(30, 24, 0.02)
    peak, _ = find_peak(heatmap)
    offset = DECODERS["dark"](heatmap, peak, READING)
    kernel = np.exp(-(np.arange(-4, 5) ** 2) / (2 * 1.5**2))  # 3 sigma, rounded: 4 cells to either side
    kernel /= kernel.sum()
    checked = 0
    for k in range(30):
        x, y = peak[0, k].tolist()
        if not (2 <= x < 22 and 2 <= y < 22):
            assert [0.0, 0.0] == offset[0, k].tolist()  # its stencil of 5 x 5 leaves the map
            continue
        padded = np.pad(heatmap[0, k].numpy().astype(np.float64), 4)
        rows = np.array([np.convolve(row, kernel, "valid") for row in padded])
        blurred = np.array([np.convolve(column, kernel, "valid") for column in rows.T]).T
        logs = np.log(np.maximum(blurred, 1e-10))
        gradient = [(logs[y, x + 1] - logs[y, x - 1]) / 2, (logs[y + 1, x] - logs[y - 1, x]) / 2]
        mixed = (logs[y + 1, x + 1] - logs[y - 1, x + 1] - logs[y + 1, x - 1] + logs[y - 1, x - 1]) / 4
        bend = [
            [(logs[y, x + 2] - 2 * logs[y, x] + logs[y, x - 2]) / 4, mixed],
            [mixed, (logs[y + 2, x] - 2 * logs[y, x] + logs[y - 2, x]) / 4],
        ]
        np.testing.assert_allclose(offset[0, k], -np.linalg.solve(bend, gradient), atol=2e-3)
        checked += 1
    assert 20 < checked
