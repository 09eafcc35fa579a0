"""The optimiser: AdamW in one kernel, and which weights it lets decay."""

from __future__ import annotations

import torch
from torch import nn

from pipelines.params import Params

# Of Adam's denominator. torch's 1e-8 is as large as the gradients of HIH's decimal head at 256 px, and halves their steps.
EPS = 1e-12


def adamw(model: nn.Module, params: Params) -> torch.optim.AdamW:
    """AdamW of the params' rate and decay over all weights, fused: one kernel on CUDA and on CPUs, no synchronisation."""
    decaying, left_alone = by_decay(model)
    groups = [
        {"params": decaying, "weight_decay": params.train.weight_decay},
        {"params": left_alone, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=params.train.lr, eps=EPS, fused=True)


def by_decay(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The weights that decay, of two or more dimensions; and those that are left alone: biases, and norms' scales.

    A smaller filter before a norm changes nothing but the pace of learning; a smaller bias or scale changes what is said.
    """
    weights = list(model.parameters())
    return [value for value in weights if value.ndim >= 2], [value for value in weights if value.ndim < 2]
