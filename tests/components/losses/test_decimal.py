"""HIH's coordinate soft-classification."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from components.codecs.base import gaussian_maps
from components.losses import coordinate_soft_classification


@pytest.fixture
def target() -> torch.Tensor:
    """(1, 1, 8, 8), centred peak, sigma 1 bin."""
    return gaussian_maps(torch.tensor([[[4.0, 4.0]]]), torch.ones(1, 1), 1.0, 8)


@pytest.mark.parametrize("constant", [-30.0, 0.0, 4.0])
def test_logits_equal_to_the_drawn_values_up_to_a_constant_cost_nothing(target: torch.Tensor, constant: float) -> None:
    assert 0.0 == pytest.approx(coordinate_soft_classification(target + constant, target).item(), abs=1e-8)


def test_uniform_logits_cost_0_028_nats_over_64_bins(target: torch.Tensor) -> None:
    # Computed from the paper's figure (sigma 1, temperature 1): the soft labels are 0.028 nats from uniform.
    loss = coordinate_soft_classification(torch.zeros(1, 1, 8, 8), target).item()
    assert 0.028 / 64 == pytest.approx(loss, abs=0.0005 / 64)
    # The formula: sum y log(64 y), y the softmax of the drawn values.
    y = np.exp(target.numpy().astype(float).ravel())
    y /= y.sum()
    assert (y * np.log(64 * y)).sum() / 64 == pytest.approx(loss, rel=1e-4)


def test_the_soft_labels_are_as_flat_as_the_paper_draws_them(target: torch.Tensor) -> None:
    # From the same figure: 0.0376 at the peak, 0.0138 in the background.
    predicted = torch.zeros(1, 1, 8, 8, requires_grad=True)
    coordinate_soft_classification(predicted, target).sum().backward()
    labels = 1 / 64 - 64 * predicted.grad[0, 0]  # the gradient of KL is softmax(predicted) - y
    assert 0.0376 == pytest.approx(labels.max().item(), abs=1e-4)
    assert 0.0138 == pytest.approx(labels.min().item(), abs=1e-4)


def test_it_is_torch_s_kl_div_with_reduction_mean_as_released() -> None:
    rng = torch.Generator().manual_seed(0)
    predicted, target = torch.randn(2, 3, 8, 8, generator=rng), torch.rand(2, 3, 8, 8, generator=rng)
    # Torch's "mean" is its sum over all elements, bins included; said so, it warns of no change to come.
    logits, labels = predicted.flatten(-2).log_softmax(-1), target.flatten(-2).softmax(-1)
    released = torch.nn.functional.kl_div(logits, labels, reduction="sum") / labels.numel()
    torch.testing.assert_close(released, coordinate_soft_classification(predicted, target).mean())


def test_it_is_one_number_per_landmark_and_never_negative() -> None:
    rng = torch.Generator().manual_seed(0)
    loss = coordinate_soft_classification(torch.randn(2, 3, 8, 8, generator=rng), torch.rand(2, 3, 8, 8, generator=rng))
    assert (2, 3) == loss.shape
    assert 0 < loss.min()
