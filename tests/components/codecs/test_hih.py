"""Nested heatmaps: cell and bin by hand, maps, and what is lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from components.codecs import Hih
from components.codecs.hih import mean_bins

CODEC = Hih(crop=256, stride=4, sigma=1.5)
SEEN = np.ones((1, 1), bool)


@pytest.mark.parametrize(
    ("x", "cell", "bin_"),
    [
        # By hand, edge-based coordinate (x + 0.5) / 4 = cell + part, bin = floor(8 * part).
        (13.5, 3, 4),  # 3.5: the middle of cell 3
        (11.5, 3, 0),  # 3.0: its left edge
        (12.0, 3, 1),  # 3.125
        (11.99, 3, 0),  # 3.1225
        (15.49, 3, 7),  # 3.9975
        (15.5, 4, 0),  # 4.0: the next one's edge
        (-0.5, 0, 0),  # 0.0: the crop's edge
        (255.49, 63, 7),  # 63.9975
    ],
)
def test_a_coordinate_falls_into_a_cell_and_a_bin(render: Callable, x: float, cell: int, bin_: int) -> None:
    targets = CODEC.encode(np.array([[[x, 13.5]]]), SEEN)
    assert [cell, 3] == targets["cells"][0, 0].tolist()
    np.testing.assert_allclose([(x + 0.5) / 4 - cell, 0.5], targets["parts"][0, 0], atol=1e-5)
    assert (4, bin_) == divmod(int(render(CODEC, [[[x, 13.5]]])["decimal"][0, 0].argmax()), 8)


def test_the_decimal_map_is_a_gaussian_on_the_bin_indexed_row_y_column_x(render: Callable) -> None:
    # By hand: x = 13.5 is bin 4, y = 12.0 is bin 1 of cell 3.
    decimal = render(CODEC, [[[13.5, 12.0]]])["decimal"][0, 0]
    assert (8, 8) == decimal.shape
    assert 1.0 == decimal[1, 4]
    np.testing.assert_allclose(decimal[1, 5], np.exp(-0.5), atol=1e-6)  # one bin off, sigma 1
    np.testing.assert_allclose(decimal[3, 4], np.exp(-2.0), atol=1e-6)  # two bins off


def test_maps_of_numbers_drawn_by_hand_are_read_as_cell_and_middle_of_the_bin() -> None:
    heatmap, decimal = torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 8, 8)
    heatmap[0, 0, 10, 3], decimal[0, 0, 7, 4] = 0.5, 2.0
    decoded = CODEC.decode({"heatmap": heatmap, "decimal": decimal})
    # By hand, edge-based: x = (3 + 4.5 / 8) * 4 - 0.5 = 13.75, y = (10 + 7.5 / 8) * 4 - 0.5 = 43.25.
    assert [13.75, 43.25] == decoded.landmarks[0, 0].tolist()
    assert 0.5 == decoded.confidence[0, 0]


def test_decoding_equals_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    heatmap, decimal = rng.random((3, 5, 64, 64), np.float32), rng.normal(size=(3, 5, 8, 8)).astype(np.float32)
    decoded = CODEC.decode({"heatmap": torch.from_numpy(heatmap), "decimal": torch.from_numpy(decimal)})
    for n in range(3):
        for k in range(5):
            row, column = np.unravel_index(heatmap[n, k].argmax(), (64, 64))
            b, a = np.unravel_index(decimal[n, k].argmax(), (8, 8))
            expected = [(column + (a + 0.5) / 8) * 4 - 0.5, (row + (b + 0.5) / 8) * 4 - 0.5]
            np.testing.assert_allclose(decoded.landmarks[n, k], expected, atol=1e-4)


def test_decimal_logits_of_any_scale_are_read_alike() -> None:
    rng = torch.Generator().manual_seed(0)
    heatmap, decimal = torch.rand(2, 3, 64, 64, generator=rng), torch.rand(2, 3, 8, 8, generator=rng)
    plain = CODEC.decode({"heatmap": heatmap, "decimal": decimal}).landmarks
    torch.testing.assert_close(plain, CODEC.decode({"heatmap": heatmap, "decimal": decimal * 7 - 30}).landmarks)


@pytest.mark.parametrize(
    ("low", "high"), [(-0.5, 63.5), (-0.5, 0.5), (62.5, 63.5)], ids=["whole map", "first cell", "last cell"]
)
def test_floor_bins_lose_0_0478_cells_and_no_more_at_the_border(
    cell_errors: Callable, uniform: Callable, low: float, high: float
) -> None:
    errors = cell_errors(CODEC, uniform(low, high))
    # The mean distance to the centre of a square of side 1/8, (sqrt 2 + asinh 1) / 6 / 8 = 0.0478, in any cell.
    np.testing.assert_allclose(np.linalg.norm(errors, axis=1).mean(), 0.0478, atol=0.0005)
    np.testing.assert_allclose(errors.mean(axis=0), [0, 0], atol=0.001)
    assert 1 / 16 + 1e-4 > np.abs(errors).max()


@pytest.mark.parametrize("decimal", [1, 2, 4, 16])
def test_other_sizes_lose_in_proportion(cell_errors: Callable, uniform: Callable, decimal: int) -> None:
    errors = cell_errors(Hih(crop=64, stride=4, sigma=1.5, decimal=decimal), uniform(-0.5, 15.5))
    floor = (np.sqrt(2) + np.arcsinh(1)) / 6 / decimal
    np.testing.assert_allclose(np.linalg.norm(errors, axis=1).mean(), floor, rtol=0.01)


def test_unknown_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown bins 'round'; known: floor, released"):
        Hih(crop=256, stride=4, sigma=1.5, bins="round")


@pytest.mark.parametrize("wrong", [{"decimal": 0}, {"decimal_sigma": 0.0}])
def test_a_decimal_map_without_extent_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="hih takes a decimal of at least 1, and a decimal_sigma above 0"):
        Hih(**{"crop": 256, "stride": 4, "sigma": 1.5, **wrong})


# Mean error of perfect maps in cells; the formula for a square of side 1 about its centre, and about its corner (twice as
# much), since without an offset the released code reads a cell as its lower edge.
@pytest.mark.parametrize(("bins", "floor"), [("floor", 0.3826), ("released", 0.7652)])
def test_without_an_offset_a_cell_is_all_there_is(
    cell_errors: Callable, uniform: Callable, bins: str, floor: float
) -> None:
    codec = Hih(crop=256, stride=4, sigma=1.0, bins=bins, decimal_head="woo")
    assert codec.head is None
    np.testing.assert_allclose(
        np.linalg.norm(cell_errors(codec, uniform(-0.5, 63.5)), axis=1).mean(), floor, atol=0.006
    )


@pytest.mark.parametrize("head", ["afc", "od"])
def test_an_offset_that_is_said_itself_loses_nothing(render: Callable, head: str) -> None:
    codec = Hih(crop=256, stride=4, sigma=1.5, decimal_head=head)
    landmarks = np.random.default_rng(0).uniform(0, 255, (5, 1, 2)).astype(np.float32)
    targets = codec.encode(landmarks, np.ones((5, 1), bool))
    maps = render(codec, landmarks)
    assert {"heatmap", "decimal"} == set(maps)  # what the head says instead is what counts
    offset_map = torch.zeros(5, 2, 64, 64)
    for n in range(5):
        x, y = targets["cells"][n, 0].astype(int)
        offset_map[n, :, y, x] = torch.from_numpy(targets["parts"][n, 0])
    said = {"afc": {"offset": torch.from_numpy(targets["parts"])}, "od": {"offset_map": offset_map}}[head]
    np.testing.assert_allclose(codec.decode({**maps, **said}).landmarks, landmarks, atol=1e-3)


@pytest.mark.parametrize("head", ["afc", "conv", "od", "transformer"])
def test_the_network_is_asked_for_the_head(head: str) -> None:
    assert (head, 8) == Hih(crop=256, stride=4, sigma=1.5, decimal_head=head).head


def test_the_expectation_loses_no_more_on_perfect_maps_than_the_highest_bin(
    cell_errors: Callable, uniform: Callable
) -> None:
    errors = cell_errors(Hih(crop=256, stride=4, sigma=1.5, decoder="expectation"), uniform(-0.5, 63.5))
    np.testing.assert_allclose(np.linalg.norm(errors, axis=1).mean(), 0.0478, atol=0.0005)


def test_the_expectation_of_a_doubtful_map_is_the_mean_of_its_bins() -> None:
    # A network that minimises soft classification and cannot tell two bins apart says the mean of their labels.
    codec = Hih(crop=256, stride=4, sigma=1.5, decoder="expectation")
    parts = torch.tensor([[[1.5, 2.5], [5.5, 4.5]]]) / 8
    labels = codec.render({"cells": torch.zeros(1, 2, 2), "parts": parts, "weight": torch.ones(1, 2)})["decimal"]
    mean = labels.flatten(-2).softmax(-1).mean(1, keepdim=True).log().view(1, 1, 8, 8)
    heatmap = torch.zeros(1, 1, 64, 64)
    heatmap[0, 0, 10, 20] = 1.0
    decoded = codec.decode({"heatmap": heatmap, "decimal": mean}).landmarks[0, 0]
    # By hand: the means are bins 3.5 and 3.5 of 8, edge-based; 4 * (20 + 3.5 / 8) - 0.5.
    np.testing.assert_allclose(decoded, [81.25, 41.25], atol=0.05)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"decoder": "mean"}, "unknown decoder 'mean'; known: argmax, expectation"),
        ({"bins": "released", "decoder": "expectation"}, "bins 'released' are read by decoder 'argmax'"),
    ],
)
def test_what_is_not_known_or_does_not_go_together_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hih(**{"crop": 256, "stride": 4, "sigma": 1.5, **wrong})


@pytest.mark.parametrize("decimal", [1, 4, 8])
@pytest.mark.parametrize("decimal_sigma", [0.7, 1.0])
def test_the_mean_bins_give_each_bin_for_its_own_labels(decimal: int, decimal_sigma: float) -> None:
    codec = Hih(crop=64, stride=4, sigma=1.5, decimal=decimal, decimal_sigma=decimal_sigma, decoder="expectation")
    # Independent: landmark by landmark through the codec's own drawing, in float64, without a ridge.
    places = (np.arange(decimal) + 0.5) / decimal
    for y in places:
        for x in places:
            part = torch.tensor([[[x, y]]], dtype=torch.float32)
            drawn = codec.render({"cells": torch.zeros(1, 1, 2), "parts": part, "weight": torch.ones(1, 1)})["decimal"]
            mean = drawn.flatten().softmax(0) @ mean_bins(codec, torch.device("cpu"))
            np.testing.assert_allclose(mean, [x * decimal, y * decimal], atol=0.05)


def test_the_linear_system_is_solved_once_for_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    solved = []
    solve = torch.linalg.solve
    monkeypatch.setattr(torch.linalg, "solve", lambda *system: solved.append(1) or solve(*system))
    maps = {"heatmap": torch.rand(2, 3, 16, 16), "decimal": torch.rand(2, 3, 8, 8)}
    for _ in range(3):
        Hih(crop=64, stride=4, sigma=1.4375, decoder="expectation").decode(maps)
    assert [1] == solved


@pytest.mark.parametrize("name", ["crop", "decimal"])
def test_a_size_of_a_billion_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is 1000000000: expected 1 to "):
        Hih(**{"crop": 256, "stride": 4, "sigma": 1.5, name: 10**9})
