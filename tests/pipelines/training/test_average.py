"""The moving average of weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipelines.training.average import Average


def test_the_average_forgets_the_first_weights_soon_and_ends_at_its_decay() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = Average(model, 0.9)
    expected = None
    for n in range(200):
        model.weight.data.fill_(float(n * n))
        average.update()
        # The formula: a <- d a + (1 - d) w with d = min(0.9, (1 + n) / (10 + n)), and the first weights as they are.
        decay = min(0.9, (1 + n) / (10 + n))
        expected = n * n if expected is None else decay * expected + (1 - decay) * n * n
        assert pytest.approx(expected, rel=1e-4) == average.model.weight.item()


def test_batch_statistics_are_averaged_and_their_count_is_copied() -> None:
    norm = nn.BatchNorm1d(2)
    average = Average(norm, 0.5)
    average.update()
    norm.running_mean.fill_(4.0)
    norm.num_batches_tracked.fill_(7)
    average.update()
    # By hand, n = 1: d = 2 / 11, so 0 * 2 / 11 + 4 * 9 / 11.
    torch.testing.assert_close(torch.full((2,), 36 / 11), average.model.running_mean)
    assert 7 == average.model.num_batches_tracked.item()


def test_without_decay_the_average_is_the_model_itself_and_is_not_saved_twice() -> None:
    model = nn.Linear(2, 2)
    average = Average(model, 0.0)
    average.update()
    assert average.model is model
    assert {"updates": 1, "model": None} == average.state_dict()


def test_a_resumed_average_counts_on() -> None:
    model = nn.Linear(2, 2)
    through, first = Average(model, 0.9), Average(model, 0.9)
    for value in range(5):
        model.weight.data.fill_(float(value))
        through.update()
        first.update()
    resumed = Average(model, 0.9)
    resumed.load_state_dict(first.state_dict())
    for value in range(5, 9):
        model.weight.data.fill_(float(value))
        through.update()
        resumed.update()
    assert 9 == resumed.updates
    assert torch.equal(through.model.weight, resumed.model.weight)
