"""What is minimised: the heatmap's loss over all stacks, plus the decimal part's, plus the consistency of two views."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from components.codecs.base import offsets_at
from components.configuration import check_known
from components.limits import NOT_NEGATIVE, check_range
from components.losses import DECIMAL_LOSSES, HEATMAP_LOSSES
from components.losses.decimal import offset_smooth_l1
from components.losses.siamese import in_face_order, siamese_consistency

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Which losses, and how much each counts.

    Attributes:
        heatmap: Key in `HEATMAP_LOSSES`.
        heatmap_weight: Of the heatmaps' loss, the mean over the stacks.
        decimal: Key in `DECIMAL_LOSSES`; of use to codecs with a decimal map.
        decimal_weight: Of the decimal part's loss; HIH's 0.05.
        siamese_weight: Of the consistency between two views of a face; 0 for one view.

    Raises:
        ValueError: An unknown loss, or a weight below 0.
    """

    heatmap: str
    heatmap_weight: float
    decimal: str
    decimal_weight: float
    siamese_weight: float

    def __post_init__(self) -> None:
        check_known(HEATMAP_LOSSES, "heatmap loss", self.heatmap)
        check_known(DECIMAL_LOSSES, "decimal loss", self.decimal)
        for name in ("heatmap_weight", "decimal_weight", "siamese_weight"):
            check_range(name, getattr(self, name), NOT_NEGATIVE)

    @property
    def num_views(self) -> int:
        """How many views of a face it takes."""
        return 2 if self.siamese_weight > 0 else 1

    def sums(
        self, outputs: Tensors, maps: Tensors, batch: Tensors, sigma: float, flip: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The weighted sum over views and landmarks, and the sum of weights: scalars.

        They are apart, so that both can be summed over workers before one is divided by the other. With two views it
        is the supervised loss of each plus siamese_weight times the consistency of both, summed over the faces.

        Args:
            outputs: heatmap (N, S, K, h, w), and what the head says.
            maps: What the codec rendered.
            batch: Targets; weight (N, K), where it is 0, the gradient is 0; with two views `back` and `flipped`.
            sigma: Of the codec.
            flip: (K,), the scheme's permutation.
        """
        weight = batch["weight"]
        total = (self._supervised(outputs, maps, batch) * weight).sum()
        if self.siamese_weight > 0:
            # A landmark that one of the views has no truth for is left alone in both.
            known = in_face_order(weight, batch["flipped"], flip)
            consistency = self._consistency(outputs["heatmap"], batch, sigma, flip)
            total = total + self.siamese_weight * (consistency * known[0::2] * known[1::2]).sum()
        return total, weight.sum()

    def _supervised(self, outputs: Tensors, maps: Tensors, batch: Tensors) -> torch.Tensor:
        """(N, K)."""
        loss = HEATMAP_LOSSES[self.heatmap].loss
        stacks = outputs["heatmap"].unbind(1)
        each = torch.stack([loss(predicted, maps["heatmap"], batch["cells"]) for predicted in stacks])
        return self.heatmap_weight * each.mean(0) + self.decimal_weight * self._decimal(outputs, maps, batch)

    def _decimal(self, outputs: Tensors, maps: Tensors, batch: Tensors) -> torch.Tensor | float:
        """(N, K), of whichever head the network has."""
        if "decimal" in outputs:
            return DECIMAL_LOSSES[self.decimal](outputs["decimal"], maps["decimal"])
        if "offset" in outputs:
            return offset_smooth_l1(outputs["offset"], batch["parts"])
        if "offset_map" in outputs:
            return offset_smooth_l1(offsets_at(outputs["offset_map"], batch["cells"]), batch["parts"])
        return 0.0

    def _consistency(self, heatmaps: torch.Tensor, batch: Tensors, sigma: float, flip: torch.Tensor) -> torch.Tensor:
        """(N / 2, K), the mean over the stacks; of maps as the codec reads them, so that its weight means the same for
        every heatmap loss."""
        read = HEATMAP_LOSSES[self.heatmap].read
        each = [
            siamese_consistency(read(predicted, sigma), batch["back"], batch["flipped"], flip)
            for predicted in heatmaps.unbind(1)
        ]
        return torch.stack(each).mean(0)
