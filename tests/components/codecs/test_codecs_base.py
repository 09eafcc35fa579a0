"""The grid of cells, and how maps are drawn and read: by plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from components.codecs.base import Grid, gaussian_maps, last_stack
from components.peaks import find_peak

GRID = Grid(crop=32, stride=4, sigma=1.0)


def test_a_grid_has_a_cell_for_every_stride_px() -> None:
    assert 8 == GRID.side


def test_only_landmarks_on_the_map_have_cells_and_weight() -> None:
    landmarks = np.array([[[13.5, 1.5], [32.0, 1.5], [1.5, np.nan]]], np.float32)
    cells, weight = GRID.cells_and_weight(landmarks, np.ones((1, 3), bool))
    # By hand: px 13.5 is the centre of cell 3, px 1.5 that of cell 0.
    assert [[[3.0, 0.0], [0.0, 0.0], [0.0, 0.0]]] == cells.tolist()
    assert [[1.0, 0.0, 0.0]] == weight.tolist()


def test_drawing_equals_a_double_loop_over_cells() -> None:
    rng = np.random.default_rng(0)
    centre, weight = rng.uniform(-1, 8, (2, 3, 2)).astype(np.float32), np.array([[1, 0, 1], [1, 1, 0]], np.float32)
    drawn = gaussian_maps(torch.from_numpy(centre), torch.from_numpy(weight), 1.3, 8)
    expected = np.zeros((2, 3, 8, 8))
    for n in range(2):
        for k in range(3):
            for row in range(8):
                for column in range(8):
                    distance = (column - centre[n, k, 0]) ** 2 + (row - centre[n, k, 1]) ** 2
                    expected[n, k, row, column] = weight[n, k] * np.exp(-distance / (2 * 1.3**2))
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    assert torch.float32 == drawn.dtype


def test_the_peak_is_found_as_by_a_search_through_all_cells() -> None:
    heatmap = torch.randn(4, 7, 6, 9, generator=torch.Generator().manual_seed(0))
    cell, value = find_peak(heatmap)
    for n in range(4):
        for k in range(7):
            row, column = divmod(int(heatmap[n, k].argmax()), 9)
            assert [column, row] == cell[n, k].tolist()
            assert heatmap[n, k, row, column] == value[n, k]


def test_of_equal_peaks_the_first_in_reading_order_counts() -> None:
    cell, _ = find_peak(torch.zeros(1, 1, 4, 4))
    assert [0, 0] == cell[0, 0].tolist()


def test_single_maps_pass_and_of_stacks_the_last_does() -> None:
    stacks = torch.arange(2 * 3 * 4.0).reshape(1, 2, 3, 2, 2)
    torch.testing.assert_close(stacks[:, 1], last_stack(stacks))
    torch.testing.assert_close(stacks[:, 1], last_stack(stacks[:, 1]))


@pytest.mark.parametrize("sigma", [0.7, 1.5, 4.0])
def test_far_from_its_centre_a_gaussian_is_next_to_nothing_and_never_denormal(sigma: float) -> None:
    centre = torch.tensor([[[0.3, 63.0], [31.5, 20.2]]])
    maps = gaussian_maps(centre, torch.ones(1, 2), sigma, 64)
    # By the formula in float64; half of float32's spacing at the peak is 6e-8, and what is left out here is far below.
    steps = torch.arange(64).double()
    x, y = ((steps - centre[..., axis, None].double()) ** 2 / (2 * sigma**2) for axis in (0, 1))
    exact = torch.exp(-(y[..., :, None] + x[..., None, :]))
    assert 2.2e-19 > (maps.double() - exact)[exact < 1e-19].abs().max()
    torch.testing.assert_close(maps.double(), exact, atol=1e-12, rtol=1e-4)
    assert torch.finfo(torch.float32).tiny <= maps.min()
