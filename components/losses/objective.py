"""What is minimised: the heatmap's loss over all stacks, plus the head's, plus the consistency of two views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from components.configuration import check_known
from components.limits import NOT_NEGATIVE, check_range
from components.losses import DECIMAL_LOSSES, HEATMAP_LOSSES
from components.losses.siamese import in_face_order, siamese_consistency

Tensors = dict[str, torch.Tensor]
# The share of a training over which the Siamese term sets in. Full from the first step, two unlearnt maps agree best by
# being flat: at 150 steps of mean squares 17.5% instead of 9.7% NME, 9.3% without the term (docs/log.md).
RAMP = 0.5


class WithLoss(Protocol):
    """What the objective asks of a head."""

    def loss(
        self,
        outputs: Tensors,
        maps: Tensors,
        batch: Tensors,
        decimal_loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    ) -> torch.Tensor:
        """(N, K), of what the head says; `decimal_loss` is for heads that say a decimal map."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Which losses, and how much each counts.

    Attributes:
        heatmap: Key in `HEATMAP_LOSSES`.
        heatmap_weight: Of the heatmaps' loss, the mean over the stacks.
        decimal: Key in `DECIMAL_LOSSES`; of use to heads that say a decimal map.
        decimal_weight: Of the head's loss, where the codec asks for a head; HIH's 0.05.
        num_views: Views of each face in a step: 1, or 2 for the consistency between them.
        siamese_weight: Of that consistency, beside the heatmap's loss of one view, in whose units it is measured
            (`HeatmapLoss.between`); it rises from 0 over the first half of the training.
        visibility: Whether the network also learns which landmarks are visible, of datasets that say so. It needs no weight:
            landmarks come out as without (`components.heads.visibility`), and what is minimised by AdamW has no scale.

    Raises:
        ValueError: An unknown loss, a weight below 0, a number of views that is neither, or a Siamese weight on one view.
    """

    heatmap: str
    heatmap_weight: float
    decimal: str
    decimal_weight: float
    num_views: int
    siamese_weight: float
    visibility: bool

    def __post_init__(self) -> None:
        check_known(HEATMAP_LOSSES, "heatmap loss", self.heatmap)
        check_known(DECIMAL_LOSSES, "decimal loss", self.decimal)
        for name in ("heatmap_weight", "decimal_weight", "siamese_weight"):
            check_range(name, getattr(self, name), NOT_NEGATIVE)
        if self.num_views not in (1, 2):
            raise ValueError(f"num_views is {self.num_views}: expected 1, or 2")
        if self.siamese_weight > 0 and self.num_views == 1:
            raise ValueError(f"siamese_weight is {self.siamese_weight}, which takes num_views 2")

    def sums(
        self,
        outputs: Tensors,
        maps: Tensors,
        batch: Tensors,
        sigma: float,
        flip: torch.Tensor,
        head: WithLoss | None,
        progress: float = 1.0,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The weighted sum over views and landmarks, and the sum of weights: scalars.

        They are apart, so that both can be summed over workers before one is divided by the other. With two views it
        is the supervised loss of each plus siamese_weight times the consistency of both, summed over the faces; in the first
        half of a training by a share of that weight.

        Args:
            outputs: heatmap (N, S, K, h, w), and what the head says.
            maps: What the codec rendered.
            batch: Targets; weight (N, K), where it is 0, the gradient is 0; with two views `back` and `flipped`.
            sigma: Of the codec.
            flip: (K,), the scheme's permutation.
            head: The model's, whose loss is added; or None.
            progress: Share of the training's steps that are done.
        """
        weight = batch["weight"]
        total = (self._supervised(outputs, maps, batch, head) * weight).sum()
        if self.siamese_weight > 0:
            # A landmark that one of the views has no truth for is left alone in both.
            known = in_face_order(weight, batch["flipped"], flip)
            consistency = self._consistency(outputs["heatmap"], batch, sigma, flip)
            ramped = self.siamese_weight * min(1.0, progress / RAMP)
            total = total + ramped * (consistency * known[0::2] * known[1::2]).sum()
        return total, weight.sum()

    def _supervised(self, outputs: Tensors, maps: Tensors, batch: Tensors, head: WithLoss | None) -> torch.Tensor:
        """(N, K)."""
        loss = HEATMAP_LOSSES[self.heatmap].loss
        stacks = outputs["heatmap"].unbind(1)
        each = torch.stack([loss(predicted, maps["heatmap"], batch["cells"]) for predicted in stacks])
        heatmaps = self.heatmap_weight * each.mean(0)
        if head is None:
            return heatmaps
        return heatmaps + self.decimal_weight * head.loss(outputs, maps, batch, DECIMAL_LOSSES[self.decimal])

    def _consistency(self, heatmaps: torch.Tensor, batch: Tensors, sigma: float, flip: torch.Tensor) -> torch.Tensor:
        """(N / 2, K), the mean over the stacks; of maps as the codec reads them."""
        chosen = HEATMAP_LOSSES[self.heatmap]
        each = [
            siamese_consistency(chosen.read(predicted, sigma), batch["back"], batch["flipped"], flip, chosen.between)
            for predicted in heatmaps.unbind(1)
        ]
        return torch.stack(each).mean(0)
