"""The optimiser: which weights decay, how large a step is, and that one kernel does what torch's plain code does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from components.model import LandmarkModel
from pipelines.params import Params, load_params
from pipelines.training.optimizer import EPS, adamw, by_decay

TINY = Path(__file__).parents[2] / "tiny.yaml"


@pytest.fixture
def params() -> Params:
    return load_params(TINY)


def decaying(params: Params, decay: float) -> Params:
    return params.model_copy(update={"train": params.train.model_copy(update={"weight_decay": decay})})


def test_filters_decay_and_biases_and_norms_are_left_alone() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    decaying, left_alone = by_decay(model)
    assert [model[0].weight, model[2].weight] == decaying
    assert [model[0].bias, model[1].weight, model[1].bias, model[2].bias] == left_alone


def test_every_weight_of_a_model_is_in_one_of_the_groups(params: Params) -> None:
    model = LandmarkModel(params.model())
    groups = adamw(model, params).param_groups
    assert [params.train.weight_decay, 0.0] == [group["weight_decay"] for group in groups]
    grouped = [id(value) for group in groups for value in group["params"]]
    assert sorted(map(id, model.parameters())) == sorted(grouped)


def test_without_a_gradient_a_filter_shrinks_by_rate_times_decay_and_a_bias_stays(params: Params) -> None:
    model = nn.Conv2d(1, 1, 1)
    nn.init.ones_(model.weight)
    nn.init.ones_(model.bias)
    for value in model.parameters():
        value.grad = torch.zeros_like(value)
    adamw(model, decaying(params, 0.5)).step()
    # By hand: 1 - lr * decay.
    assert pytest.approx(1 - params.train.lr * 0.5) == model.weight.item()
    assert 1.0 == model.bias.item()


@pytest.mark.parametrize("gradient", [1.0, 1e-8, 1e-10])
def test_a_small_gradient_takes_a_step_as_long_as_a_large_one(params: Params, gradient: float) -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    model.weight.grad = torch.full_like(model.weight, gradient)
    adamw(model, decaying(params, 0.0)).step()
    # Adam's first step is lr * g / (|g| + eps): at 1e-8 and torch's eps, half of lr.
    assert pytest.approx(-params.train.lr / (1 + EPS / gradient), rel=1e-3) == model.weight.item()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_one_kernel_does_what_torchs_plain_code_does_in_either_memory_layout(layout: torch.memory_format) -> None:
    def trained(**how: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        # Without the bias, whose gradient would be rounding alone: at this eps its steps are as long as any.
        first = nn.Conv2d(3, 8, 3, bias=False)
        model = nn.Sequential(first, nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3)).to(memory_format=layout)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, eps=EPS, weight_decay=0.1, **how)
        for _ in range(5):
            optimizer.zero_grad()
            model(torch.randn(2, 3, 9, 9).contiguous(memory_format=layout)).square().mean().backward()
            optimizer.step()
        return list(model.parameters())

    for one, other in zip(trained(fused=True), trained(foreach=False), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-6)
