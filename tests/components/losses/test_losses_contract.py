"""What holds for every heatmap loss and its reading, registered here or later."""

from __future__ import annotations

import pytest
import torch

from components.codecs.base import gaussian_maps
from components.losses import HEATMAP_LOSSES, HeatmapLoss


@pytest.fixture(params=sorted(HEATMAP_LOSSES))
def named(request: pytest.FixtureRequest) -> HeatmapLoss:
    return HEATMAP_LOSSES[request.param]


@pytest.fixture
def cells() -> torch.Tensor:
    return torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(0)) * 7


@pytest.fixture
def target(cells: torch.Tensor) -> torch.Tensor:
    """(2, 3, 8, 8), as a codec draws them."""
    return gaussian_maps(cells, torch.ones(2, 3), 1.5, 8)


def test_the_registry_is_sorted() -> None:
    assert sorted(HEATMAP_LOSSES) == list(HEATMAP_LOSSES)


def test_a_loss_is_one_number_per_landmark_in_float32(
    named: HeatmapLoss, target: torch.Tensor, cells: torch.Tensor
) -> None:
    loss = named.loss(torch.randn(2, 3, 8, 8).bfloat16(), target, cells)
    assert ((2, 3), torch.float32) == (tuple(loss.shape), loss.dtype)


def test_landmarks_do_not_touch_each_other(named: HeatmapLoss, target: torch.Tensor, cells: torch.Tensor) -> None:
    predicted = torch.randn(2, 3, 8, 8)
    whole = named.loss(predicted, target, cells)
    for n in range(2):
        for k in range(3):
            one = (value[n : n + 1, k : k + 1] for value in (predicted, target, cells))
            torch.testing.assert_close(whole[n, k], named.loss(*one)[0, 0])


def test_flat_maps_have_a_finite_loss_and_gradient(
    named: HeatmapLoss, target: torch.Tensor, cells: torch.Tensor
) -> None:
    # The first step's: HIH's initialisation gives maps of nearly nothing.
    predicted = torch.zeros(2, 3, 8, 8, requires_grad=True)
    loss = named.loss(predicted, target, cells)
    loss.sum().backward()
    assert loss.isfinite().all()
    assert predicted.grad.isfinite().all()
    assert 0 < predicted.grad.abs().flatten(-2).amax(-1).min()


# STAR shapes no map; what it comes to is in its own tests.
@pytest.mark.parametrize("name", sorted(set(HEATMAP_LOSSES) - {"star"}))
def test_going_down_the_gradient_leads_to_a_map_that_reads_as_the_target(name: str) -> None:
    named = HEATMAP_LOSSES[name]
    # Off the border, so that the whole Gaussian is on the map; 1% of it is the rest of its sum.
    cells = torch.tensor([[[4.3, 3.6]]])
    target = gaussian_maps(cells, torch.ones(1, 1), 0.9, 8)
    predicted = torch.zeros(1, 1, 8, 8, requires_grad=True)
    optimizer = torch.optim.LBFGS([predicted], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = named.loss(predicted, target, cells).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close(target, named.read(predicted.detach(), 0.9), atol=0.02, rtol=0)


def test_reading_keeps_the_shape_and_gives_float32(named: HeatmapLoss) -> None:
    maps = named.read(torch.randn(2, 3, 8, 8).bfloat16(), 1.5)
    assert ((2, 3, 8, 8), torch.float32) == (tuple(maps.shape), maps.dtype)


def test_reading_works_on_channels_last_maps(named: HeatmapLoss) -> None:
    maps = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(
        named.read(maps, 1.5), named.read(maps.contiguous(memory_format=torch.channels_last), 1.5)
    )


def test_reading_keeps_the_order_of_cells(named: HeatmapLoss) -> None:
    maps = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(maps.flatten(-2).argsort(-1), named.read(maps, 1.5).flatten(-2).argsort(-1))
