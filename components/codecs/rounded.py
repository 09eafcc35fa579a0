"""The baseline that both papers mend: the Gaussian's centre rounded to a cell, read as argmax and a quarter.

Reference: Newell, Yang, Deng, "Stacked Hourglass Networks", ECCV 2016, section 3.3 (the quarter).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.codecs.gaussian import Gaussian


@dataclass(frozen=True, kw_only=True)
class Rounded(Gaussian):
    """A Gaussian around the nearest cell; decoded as the peak, moved a quarter cell to its higher neighbour."""

    decoder: str = "quarter"

    def encode(self, landmarks: np.ndarray, visible: np.ndarray) -> dict[str, np.ndarray]:
        """(N, K, 2) crop px, (N, K) bool -> cells (N, K, 2) float32, whole; weight (N, K) float32."""
        cells, weight = self.cells_and_weight(landmarks, visible)
        return {"cells": np.floor(cells + 0.5), "weight": weight}
