"""The baseline: what rounding to a cell loses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from components.codecs import Rounded

CODEC = Rounded(crop=256, stride=4, sigma=1.5)
# The mean distance to the centre of a unit square, (sqrt 2 + asinh 1) / 6.
FLOOR = (np.sqrt(2) + np.arcsinh(1)) / 6


@pytest.mark.parametrize(
    ("x", "cell"),
    # By hand: cell 3 is centred on 13.5 and reaches from 11.5 to 15.5.
    [(13.5, 3), (11.5, 3), (15.49, 3), (15.5, 4), (-0.5, 0), (255.49, 63)],
)
def test_the_centre_is_rounded_to_the_cell_it_lies_in(x: float, cell: int) -> None:
    assert [cell, 3] == CODEC.encode(np.array([[[x, 13.5]]]), np.ones((1, 1), bool))["cells"][0, 0].tolist()


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0])
@pytest.mark.parametrize(
    ("low", "high"), [(-0.5, 63.5), (-0.5, 0.5), (62.5, 63.5)], ids=["whole map", "first cell", "last cell"]
)
def test_rounding_loses_0_383_cells_and_no_more_at_the_border(
    cell_errors: Callable, uniform: Callable, low: float, high: float, sigma: float
) -> None:
    # Targets are symmetric about their cell, so the quarter is 0, at the border too.
    errors = cell_errors(Rounded(crop=256, stride=4, sigma=sigma), uniform(low, high))
    np.testing.assert_allclose(np.linalg.norm(errors, axis=1).mean(), FLOOR, atol=0.003)
    np.testing.assert_allclose(errors.mean(axis=0), [0, 0], atol=0.006)
    assert 0.5 + 1e-4 > np.abs(errors).max()


def test_the_peak_moves_a_quarter_towards_its_higher_neighbour() -> None:
    heatmap = torch.zeros(1, 1, 64, 64)
    heatmap[0, 0, 10, 3], heatmap[0, 0, 10, 4], heatmap[0, 0, 9, 3] = 1.0, 0.5, 0.25
    # By hand: x = 3.25 cells, y = 9.75 cells; (3.25 + 0.5) * 4 - 0.5 and (9.75 + 0.5) * 4 - 0.5.
    assert [14.5, 40.5] == CODEC.decode({"heatmap": heatmap}).landmarks[0, 0].tolist()


@pytest.mark.parametrize("cell", [0, 63])
def test_a_peak_at_the_border_has_one_neighbour_and_does_not_move(cell: int) -> None:
    heatmap = torch.zeros(1, 1, 64, 64)
    heatmap[0, 0, cell, cell] = 1.0
    centre = (cell + 0.5) * 4 - 0.5
    assert [centre, centre] == CODEC.decode({"heatmap": heatmap}).landmarks[0, 0].tolist()


def test_decoding_equals_a_plain_loop() -> None:
    heatmap = np.random.default_rng(0).random((4, 25, 8, 8), np.float32)
    decoded = Rounded(crop=32, stride=4, sigma=1.5).decode({"heatmap": torch.from_numpy(heatmap)})
    for n in range(4):
        for k in range(25):
            values = heatmap[n, k]
            y, x = np.unravel_index(values.argmax(), values.shape)
            dx = np.sign(values[y, x + 1] - values[y, x - 1]) / 4 if 0 < x < 7 else 0
            dy = np.sign(values[y + 1, x] - values[y - 1, x]) / 4 if 0 < y < 7 else 0
            expected = [(x + dx + 0.5) * 4 - 0.5, (y + dy + 0.5) * 4 - 0.5]
            np.testing.assert_allclose(decoded.landmarks[n, k], expected, atol=1e-5)
