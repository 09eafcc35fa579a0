"""Continuous heatmaps and the local soft-argmax: the map, the window, and what is lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from components.codecs import Subpixel
from components.codecs.decoders import Reading, soft_argmax


def naive(heatmap: np.ndarray, window: int, temperature: float) -> tuple[list[float], bool]:
    """A plain loop over the cells of one map: (x, y), cells, and whether the window met the border."""
    side = len(heatmap)
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    total, moment, cut = 0.0, np.zeros(2), False
    for dy in range(-(window // 2), window // 2 + 1):
        for dx in range(-(window // 2), window // 2 + 1):
            if not (0 <= y + dy < side and 0 <= x + dx < side):
                cut = True
                continue
            weight = np.exp(temperature * float(heatmap[y + dy, x + dx]))
            total += weight
            moment += weight * np.array([dx, dy])
    return [x + moment[0] / total, y + moment[1] / total], cut


@pytest.mark.parametrize("at", [(13.5, 21.5), (14.5, 20.0), (0.0, 31.0), (5.3, 30.9)])
def test_the_map_is_a_gaussian_around_the_exact_place(render: Callable, at: tuple[float, float]) -> None:
    heatmap = render(Subpixel(crop=32, stride=4, sigma=1.5), [[at]])["heatmap"][0, 0]
    u, v = (at[0] + 0.5) / 4 - 0.5, (at[1] + 0.5) / 4 - 0.5
    for row in range(8):
        for column in range(8):
            expected = np.exp(-((column - u) ** 2 + (row - v) ** 2) / (2 * 1.5**2))
            assert expected == pytest.approx(float(heatmap[row, column]), abs=1e-6)


def test_a_quarter_of_a_cell_off_the_centre_shows_in_the_map(render: Callable) -> None:
    # By hand: x = 14.5 is u = 3.25, so cells 3 and 4 are 0.25 and 0.75 off.
    heatmap = render(Subpixel(crop=32, stride=4, sigma=1.5), [[[14.5, 13.5]]])["heatmap"][0, 0]
    np.testing.assert_allclose(heatmap[3, 3:5], np.exp(-(np.array([0.25, 0.75]) ** 2) / 4.5), atol=1e-6)


@pytest.mark.parametrize(("window", "temperature"), [(1, 10.0), (3, 10.0), (5, 10.0), (5, 5.5), (7, 2.0)])
def test_decoding_equals_a_plain_loop_in_the_middle_and_at_the_border(window: int, temperature: float) -> None:
    heatmap = np.random.default_rng(0).random((4, 25, 8, 8), np.float32)
    codec = Subpixel(crop=32, stride=4, sigma=1.5, window=window, temperature=temperature)
    decoded = codec.decode({"heatmap": torch.from_numpy(heatmap)}).landmarks
    met_border = set()
    for n in range(4):
        for k in range(25):
            cells, cut = naive(heatmap[n, k], window, temperature)
            met_border.add(cut)
            np.testing.assert_allclose(decoded[n, k], [(u + 0.5) * 4 - 0.5 for u in cells], atol=1e-4)
    assert (window > 1) == (True in met_border)


@pytest.mark.parametrize("cell", [0, 1, 6, 7])
def test_a_window_at_the_border_is_masked_not_moved_inside(cell: int) -> None:
    heatmap = np.zeros((8, 8), np.float32)
    heatmap[cell, cell] = 1.0
    reading = Reading(sigma=1.5, window=5, temperature=10.0)
    offset = soft_argmax(torch.from_numpy(heatmap)[None, None], torch.tensor([[[cell, cell]]]), reading)[0, 0]
    cells, _ = naive(heatmap, 5, 10.0)
    np.testing.assert_allclose(offset, np.array(cells) - cell, atol=1e-6)
    # Around a single cell of 1 the others weigh exp(-10) each; a window moved inside would be 1 to 2 cells off.
    assert 0.01 > offset.abs().max()


def test_a_very_negative_map_is_read_as_well_as_a_positive_one() -> None:
    heatmap = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    codec = Subpixel(crop=32, stride=4, sigma=1.5)
    plain = codec.decode({"heatmap": heatmap}).landmarks
    torch.testing.assert_close(plain, codec.decode({"heatmap": heatmap - 100}).landmarks, atol=0.01, rtol=0)


# Mean Euclidean error of perfect maps in cells, window 5, temperature 10, where the window lies inside the map: the
# soft-argmax's row of the decoder table that the defaults were chosen by.
@pytest.mark.parametrize(("sigma", "floor"), [(1.0, 0.135), (1.5, 0.029), (2.0, 0.0095)])
def test_perfect_maps_are_read_with_the_known_error(
    cell_errors: Callable, uniform: Callable, sigma: float, floor: float
) -> None:
    codec = Subpixel(crop=256, stride=4, sigma=sigma, window=5, temperature=10.0)
    errors = cell_errors(codec, uniform(1.5, 61.5))
    np.testing.assert_allclose(np.linalg.norm(errors, axis=1).mean(), floor, atol=0.002)
    np.testing.assert_allclose(errors.mean(axis=0), [0, 0], atol=0.002)


# Measured here: the mean error along the axis that crosses the border, in cells. A soft-argmax cannot leave the map's
# cells, so in the outer half of the outermost cell it is drawn inside, the more, the wider the Gaussian.
@pytest.mark.parametrize(
    ("sigma", "outer", "inner", "second", "third"),
    [(1.0, 0.264, 0.079, 0.094, 0.092), (1.5, 0.331, 0.055, 0.027, 0.020), (2.0, 0.445, 0.174, 0.038, 0.006)],
)
def test_at_the_border_the_error_is_known_and_the_same_on_all_sides(
    cell_errors: Callable, sigma: float, outer: float, inner: float, second: float, third: float
) -> None:
    codec = Subpixel(crop=256, stride=4, sigma=sigma, window=5, temperature=10.0)
    along = np.random.default_rng(0).uniform(20, 40, 2000)
    strips = [(-0.5, 0.0, outer), (0.0, 0.5, inner), (0.5, 1.5, second), (1.5, 2.5, third)]
    for low, high, expected in strips:
        across = np.random.default_rng(1).uniform(low, high, 2000)
        for axis in (0, 1):
            for at in (across, 63 - across):
                cells = np.stack([at, along] if axis == 0 else [along, at], axis=-1)
                np.testing.assert_allclose(np.abs(cell_errors(codec, cells)[:, axis]).mean(), expected, atol=0.006)


def test_the_border_never_costs_more_than_0_55_cells(cell_errors: Callable, uniform: Callable) -> None:
    # Measured here, at the crop's very edge; a window moved inside instead of masked is wrong by a whole cell.
    errors = cell_errors(Subpixel(crop=256, stride=4, sigma=1.5), uniform(-0.5, 0.5))
    assert 0.50 < np.abs(errors).max() < 0.55


def test_half_a_cell_cannot_hide_in_a_round_trip(cell_errors: Callable) -> None:
    # A map drawn by hand around cell (20, 30) is read as the crop px of that cell's centre, 4 * 20 + 1.5.
    rows, columns = np.mgrid[:64, :64]
    heatmap = np.exp(-((columns - 20) ** 2 + (rows - 30) ** 2) / 4.5).astype(np.float32)
    decoded = Subpixel(crop=256, stride=4, sigma=1.5).decode({"heatmap": torch.from_numpy(heatmap)[None, None]})
    np.testing.assert_allclose(decoded.landmarks[0, 0], [81.5, 121.5], atol=1e-4)


@pytest.mark.parametrize("wrong", [{"window": 4}, {"window": 0}, {"window": -1}, {"temperature": 0.0}])
def test_an_even_window_or_a_temperature_of_0_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="a window is odd, a temperature above 0; got "):
        Subpixel(**{"crop": 256, "stride": 4, "sigma": 1.5, **wrong})


@pytest.mark.parametrize(
    ("sigma", "window", "floor"), [(0.8, 5, 0.0060), (0.8, 7, 0.0001), (1.0, 5, 0.0318), (1.0, 7, 0.0021)]
)
def test_the_expectation_of_a_perfect_map_is_nearly_exact_where_the_window_holds_its_mass(sigma, window, floor):
    """Measured here, 20,000 uniform positions with the window inside the map; what is lost is the mass outside it."""
    codec = Subpixel(crop=256, stride=4, sigma=sigma, window=window, decoder="expectation")
    cells = np.random.default_rng(0).uniform(3, 60, (20000, 1, 2))
    landmarks = ((cells + 0.5) * 4 - 0.5).astype(np.float32)
    encoded = codec.encode(landmarks, np.ones((20000, 1), bool))
    maps = codec.render({name: torch.from_numpy(value) for name, value in encoded.items()})
    error = np.linalg.norm(codec.decode(maps).landmarks.numpy() - landmarks, axis=-1).mean() / 4
    assert floor == pytest.approx(error, abs=0.0005)


@pytest.mark.parametrize(
    ("name", "value", "bounds"), [("window", 129, "1 to 127"), ("sigma", 20.5, "0 to 20"), ("crop", 4100, "1 to 4096")]
)
def test_a_size_over_its_bound_is_refused_with_the_bound(name: str, value: float, bounds: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {value}: expected {bounds} "):
        Subpixel(**{"crop": 256, "stride": 4, "sigma": 1.5, name: value})
