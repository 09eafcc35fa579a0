"""What is said of visibility is said of the place under the landmark, and teaches the network nothing."""

from __future__ import annotations

import math

import pytest
import torch

from components.heads.visibility import VisibilityHead


def at(*cells: tuple[int, int]) -> torch.Tensor:
    """A map for each cell (x, y), which is 1 there and 0 elsewhere: (1, K, 4, 4)."""
    maps = torch.zeros(1, len(cells), 4, 4)
    for k, (x, y) in enumerate(cells):
        maps[0, k, y, x] = 1
    return maps


@pytest.fixture
def head() -> VisibilityHead:
    """Two landmarks, two channels: the first landmark looks at the first channel, the second at the difference."""
    made = VisibilityHead(2, 2)
    made.weight.data = torch.tensor([[2.0, 0.0], [1.0, -1.0]]) / made.pace  # a power of 2: what is by hand is exact
    made.bias.data = torch.tensor([0.5, 0.0]) / made.pace
    return made


def test_it_begins_without_an_opinion_and_draws_nothing() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    made = VisibilityHead(3, 2)
    assert torch.equal(before, torch.get_rng_state())
    assert [[0.0, 0.0]] == made(torch.rand(1, 3, 4, 4), torch.rand(1, 2, 4, 4)).tolist()


def test_a_logit_is_of_the_feature_under_its_own_landmark(head: VisibilityHead) -> None:
    feature, maps = torch.zeros(1, 2, 4, 4), at((1, 2), (3, 0))
    assert [[0.5, 0.0]] == head(feature, maps).tolist()  # by hand: the biases
    feature[0, :, 2, 1] = torch.tensor([3.0, 9.0])
    assert [[6.5, 0.0]] == head(feature, maps).tolist()  # 0.5 + 2 * 3
    feature[0, :, 0, 3] = torch.tensor([4.0, 1.0])
    assert [[6.5, 3.0]] == head(feature, maps).tolist()  # 4 - 1
    feature[0, :, 3, 3] = 100.0
    assert [[6.5, 3.0]] == head(feature, maps).tolist()  # under no landmark


def test_under_a_wide_map_it_is_the_mean_by_the_share_of_each_cell(head: VisibilityHead) -> None:
    feature, maps = torch.zeros(1, 2, 4, 4), at((0, 0), (0, 0))
    maps[0, 0, 0, 0], maps[0, 0, 0, 1], maps[0, 0, 3, 3] = 6, 2, -5  # what is below 0 is nothing
    feature[0, 0, 0, :2] = torch.tensor([1.0, 5.0])
    # By hand: (6 * 1 + 2 * 5) / 8 = 2, and 0.5 + 2 * 2.
    assert 4.5 == head(feature, maps)[0, 0].item()
    assert 4.5 == head(feature, 1000 * maps)[0, 0].item()


def test_a_map_of_nothing_gives_the_bias(head: VisibilityHead) -> None:
    assert [[0.5, 0.0]] == head(torch.rand(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)).tolist()


def test_no_gradient_leads_into_feature_and_maps_and_one_into_its_own_weights(head: VisibilityHead) -> None:
    feature, maps = torch.rand(1, 2, 4, 4, requires_grad=True), torch.rand(1, 2, 4, 4, requires_grad=True)
    head.loss(head(feature, maps), torch.tensor([[1.0, 0.0]])).sum().backward()
    assert (None, None) == (feature.grad, maps.grad)
    assert head.weight.grad is not None
    assert (head.weight.grad != 0).all()


def test_the_loss_is_binary_cross_entropy_and_nothing_of_what_is_not_known(head: VisibilityHead) -> None:
    logits = torch.tensor([[2.0, 2.0], [0.0, 2.0]], requires_grad=True)
    loss = head.loss(logits, torch.tensor([[1.0, 0.0], [1.0, math.nan]]))
    # By hand: log(1 + e^-2), log(1 + e^2), log 2, nothing.
    expected = [[math.log1p(math.exp(-2)), math.log1p(math.exp(2))], [math.log(2), 0.0]]
    torch.testing.assert_close(loss, torch.tensor(expected))
    loss.sum().backward()
    assert logits.grad is not None
    assert 0.0 == logits.grad[1, 1].item()
    assert logits.grad.isfinite().all()
