"""Mean squared error and cross-entropy of heatmaps, by hand and by their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from components.codecs.base import gaussian_maps
from components.losses import heatmap_cross_entropy, heatmap_mse, read_cross_entropy, read_mse


def test_the_squared_error_is_the_mean_over_cells() -> None:
    predicted, target = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    # By hand: (0 + 4 + 9 + 16) / 4.
    assert [[7.25]] == heatmap_mse(predicted, target).tolist()


def test_all_zero_maps_cost_what_hih_reports() -> None:
    target = gaussian_maps(torch.tensor([[[32.0, 32.0]]]), torch.ones(1, 1), 1.5, 64)
    # The sum of a squared Gaussian, pi sigma^2, over 4096 cells: 1.73e-3, measured on the released code as well.
    assert 1.73e-3 == pytest.approx(heatmap_mse(torch.zeros(1, 1, 64, 64), target).item(), rel=0.005)


def test_uniform_logits_cost_the_logarithm_of_the_number_of_cells() -> None:
    target = gaussian_maps(torch.tensor([[[3.0, 3.0]]]), torch.ones(1, 1), 1.5, 8)
    # The formula: -sum q log(1 / 64) = log 64, whatever q.
    assert np.log(64) == pytest.approx(heatmap_cross_entropy(torch.full((1, 1, 8, 8), 5.0), target).item(), rel=1e-6)


def test_the_right_logits_cost_the_entropy_of_the_target_and_no_others_cost_less() -> None:
    target = gaussian_maps(torch.tensor([[[3.3, 4.1]]]), torch.ones(1, 1), 1.5, 8)
    q = target.double().flatten() / target.double().sum()
    entropy = -(q * q.log()).sum().item()
    right = target.log()
    assert entropy == pytest.approx(heatmap_cross_entropy(right, target).item(), rel=1e-5)
    rng = torch.Generator().manual_seed(0)
    for scale in (0.01, 0.1, 1.0, 10.0):
        assert entropy < heatmap_cross_entropy(right + scale * torch.randn(1, 1, 8, 8, generator=rng), target).item()


def test_cross_entropy_equals_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    predicted, target = rng.normal(size=(2, 3, 4, 4)).astype(np.float32), rng.random((2, 3, 4, 4), np.float32)
    loss = heatmap_cross_entropy(torch.from_numpy(predicted), torch.from_numpy(target))
    for n in range(2):
        for k in range(3):
            logits, share = predicted[n, k].ravel().astype(float), target[n, k].ravel() / target[n, k].sum()
            expected = -sum(q * (z - np.log(np.exp(logits).sum())) for q, z in zip(share, logits, strict=True))
            assert expected == pytest.approx(loss[n, k].item(), rel=1e-5)


def test_a_map_of_zeros_costs_nothing_and_pulls_nowhere() -> None:
    predicted = torch.randn(1, 1, 8, 8, requires_grad=True)
    loss = heatmap_cross_entropy(predicted, torch.zeros(1, 1, 8, 8))
    loss.sum().backward()
    assert 0.0 == loss.item() == predicted.grad.abs().max()


def test_adding_a_constant_to_logits_changes_no_cross_entropy() -> None:
    predicted, target = torch.randn(1, 2, 8, 8), torch.rand(1, 2, 8, 8)
    torch.testing.assert_close(heatmap_cross_entropy(predicted, target), heatmap_cross_entropy(predicted + 50, target))


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5, 2.0])
def test_the_logits_of_a_gaussian_are_read_as_the_gaussian_with_peak_1(sigma: float) -> None:
    drawn = gaussian_maps(torch.tensor([[[30.0, 32.0]]]), torch.ones(1, 1), sigma, 64).double()
    logits = -((torch.arange(64.0) - 30) ** 2)[None, :] / (2 * sigma**2) - ((torch.arange(64.0) - 32) ** 2)[:, None] / (
        2 * sigma**2
    )
    # The integral of exp(-r^2 / (2 sigma^2)) is 2 pi sigma^2; sampled at cells it is so to 0.2% from sigma 0.7 on.
    read = read_cross_entropy(logits[None, None] + 3, sigma).double()
    torch.testing.assert_close(drawn, read, atol=0.002, rtol=0)


def test_maps_trained_by_squared_error_are_read_as_they_are() -> None:
    maps = torch.randn(1, 2, 4, 4)
    torch.testing.assert_close(maps, read_mse(maps, 1.5))
