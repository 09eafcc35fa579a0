"""A codec of one Gaussian per landmark; what `rounded` and `subpixel` share."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from components.codecs.base import MAX_WINDOW, Grid, gaussian_maps, last_stack
from components.codecs.decoders import DECODERS, Reading
from components.configuration import check_known
from components.geometry import from_cells
from components.interfaces import Decoded
from components.limits import NOT_NEGATIVE, Range, check_range
from components.peaks import find_peak

WINDOW = Range(1, MAX_WINDOW, "from any cell it sees the whole of a map of 64")


@dataclass(frozen=True, kw_only=True)
class Gaussian(Grid):
    """Draws a Gaussian around the encoded cells; read by any decoder.

    Attributes:
        window: Odd side of the decoder's window, cells. At the border its outer part is left out, not moved inside.
        temperature: Factor on the map's values, of the soft-argmax.
        decoder: Key in `DECODERS`.

    Raises:
        ValueError: An unknown decoder, an even window, a sigma or temperature that is not positive, or one out of bounds.
    """

    window: int = 5
    temperature: float = 10.0
    decoder: str = "soft_argmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_known(DECODERS, "decoder", self.decoder)
        if self.window < 1 or self.window % 2 == 0 or self.temperature <= 0:
            raise ValueError(f"a window is odd, a temperature above 0; got {self.window}, {self.temperature}")
        check_range("window", self.window, WINDOW)
        check_range("temperature", self.temperature, NOT_NEGATIVE)

    def render(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Encoded targets -> heatmap (N, K, h, w)."""
        return {"heatmap": gaussian_maps(batch["cells"], batch["weight"], self.sigma, self.side)}

    def decode(self, maps: dict[str, torch.Tensor]) -> Decoded:
        """Heatmaps (N, K, h, w), or (N, S, K, h, w) of which the last stack counts -> landmarks, crop px."""
        heatmap = last_stack(maps["heatmap"])
        peak, value = find_peak(heatmap)
        offset = DECODERS[self.decoder](heatmap, peak, Reading(self.sigma, self.window, self.temperature))
        return Decoded(from_cells(peak + offset, self.stride), value.clamp(0, 1))
