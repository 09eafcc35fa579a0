"""The pixels of a face on their way to a picture: a colour to be lit, and where on the chart each one lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(eq=False)
class Pixels:
    """N pixels of a face; painters change `colour`, `gloss` and `glow` in place.

    Attributes:
        x, y: (N,) chart places, cm.
        colour: (N, 3) linear RGB under white light.
        gloss: (N,) strength of the highlight.
        glow: (N, 3) linear RGB added after lighting.
        blur: cm that a pixel spans: how soft an edge has to be.
    """

    x: np.ndarray
    y: np.ndarray
    colour: np.ndarray
    gloss: np.ndarray
    glow: np.ndarray
    blur: float

    def near(self, x: float, y: float, wide: float, high: float) -> np.ndarray:
        """Indices of the pixels within a box of the chart."""
        return np.flatnonzero((np.abs(self.x - x) < wide) & (np.abs(self.y - y) < high))

    def mix(self, index: np.ndarray, colour: np.ndarray, alpha: np.ndarray) -> None:
        """Lays a colour (3,) or (n, 3) over the pixels, alpha (n,) in 0..1."""
        old = self.colour[index]
        self.colour[index] = old + (colour - old) * np.clip(alpha, 0.0, 1.0)[:, None]
