"""Continuous heatmaps, read by a local soft-argmax.

Reference: Bulat, Sanchez, Tzimiropoulos, "Subpixel Heatmap Regression for Facial Landmark Localization", BMVC 2021,
section 3. Window 5 is reported there as the best; temperature 10 is recalled, unverified; sigma is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.codecs.gaussian import Gaussian


@dataclass(frozen=True, kw_only=True)
class Subpixel(Gaussian):
    """A Gaussian around the exact position; decoded in a window around the peak."""

    def encode(self, landmarks: np.ndarray, visible: np.ndarray) -> dict[str, np.ndarray]:
        """(N, K, 2) crop px, (N, K) bool -> cells (N, K, 2) float32, weight (N, K) float32."""
        cells, weight = self.cells_and_weight(landmarks, visible)
        return {"cells": cells, "weight": weight}
