"""The exponential moving average of a training's weights, which is what is measured and kept."""

from __future__ import annotations

from copy import deepcopy
from itertools import chain
from typing import Any, Generic, TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


class Average(Generic[M]):
    """Follows a model; its decay rises as (1 + n) / (10 + n), so that the first weights are soon forgotten.

    The number of updates is Python's own: a tensor's would have to be waited for at every step.

    Args:
        model: That is trained. With a decay of 0 the average is the model itself.
        decay: Per update, at most.

    Attributes:
        model: With the averaged weights and batch statistics.
        updates: So far.
    """

    def __init__(self, model: M, decay: float) -> None:
        self.model: M = deepcopy(model).requires_grad_(False) if decay else model
        self.decay, self.updates = decay, 0
        pairs = list(zip(_values(self.model), _values(model), strict=True))
        self.floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self.counts = [pair for pair in pairs if not pair[0].is_floating_point()]  # batch norm's count of batches

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the model's weights as they are now."""
        if self.decay:
            kept = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.updates else 0.0
            averaged, current = zip(*self.floats, strict=True)
            torch._foreach_lerp_(averaged, current, 1 - kept)
            for mine, theirs in self.counts:
                mine.copy_(theirs)
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes; without weights, where they are the model's."""
        return {"updates": self.updates, "model": self.model.state_dict() if self.decay else None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.updates = state["updates"]
        if self.decay:
            self.model.load_state_dict(state["model"])


def _values(model: nn.Module) -> list[torch.Tensor]:
    return [value.detach() for value in chain(model.parameters(), model.buffers())]
