"""What the networks' tests share: weights that show every layer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn


@pytest.fixture(scope="session")
def drawn() -> Callable[[nn.Module], nn.Module]:
    """Draws weights, biases and batch norm's statistics, and sets to evaluation.

    Fresh ones would hide much: HIH's deviations let nothing through, and a batch norm that was never trained is the
    identity, whatever its place.
    """

    def draw(network: nn.Module) -> nn.Module:
        torch.manual_seed(0)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.1)
                nn.init.normal_(module.running_mean, std=0.1)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
        return network.eval()

    return draw
