"""Smoothing of landmarks over time: the one-euro filter, which smooths a face at rest much and one that moves little.

Reference: Casiez, Roussel, Vogel: 1 euro filter: a simple speed-based low-pass filter for noisy input in interactive
systems, CHI 2012, algorithms 1 and 2.
"""

from __future__ import annotations

import math

import numpy as np

# By `heatmark study video --choose`, on drawn validation videos: at 1 Hz, from where the paper starts, a fifth of the jitter at
# rest is left; and of the powers of 2 this is the least beta that costs a moving face no hundredth of its NME.
MIN_CUTOFF_HZ, BETA = 1.0, 32.0
# The paper's own: what a speed is smoothed by.
SPEED_CUTOFF_HZ = 1.0


class OneEuro:
    """Low-pass filters of first order, one for each landmark, whose cut-off grows with the landmark's speed.

    With frame time T, weight(f) = 1 / (1 + 1 / (2 pi f T)), measured x and the values s and v of the frame before:

        v = weight(speed_cutoff) * (x - s) / T + (1 - weight(speed_cutoff)) * v
        f = min_cutoff + beta * |v| / size
        s = weight(f) * x + (1 - weight(f)) * s

    The paper's filter is of one number. Here |v| is the length of the velocity in the plane, so that turning a picture turns
    the result, and it is divided by the face's size, so that enlarging a picture enlarges the result.

    Args:
        fps: Frames a second, 1 / T.
        min_cutoff_hz: Cut-off of a landmark at rest; the lower, the less jitter.
        beta: How much the cut-off grows, Hz, with a speed of one face a second; the higher, the less lag.
    """

    def __init__(self, fps: float, min_cutoff_hz: float = MIN_CUTOFF_HZ, beta: float = BETA) -> None:
        self.fps, self.min_cutoff_hz, self.beta = fps, min_cutoff_hz, beta
        self.smoothed: np.ndarray | None = None
        self.velocity = np.zeros(2)

    def __call__(self, landmarks: np.ndarray) -> np.ndarray:
        """Landmarks (K, 2), (x, y), px, of the next frame -> the same, smoothed; the first frame's stay as they are."""
        x = landmarks.astype(np.float64)
        if self.smoothed is None:
            self.smoothed = x
        else:
            weight = self._weight(SPEED_CUTOFF_HZ)
            self.velocity = weight * (x - self.smoothed) * self.fps + (1 - weight) * self.velocity
            speed = np.linalg.norm(self.velocity, axis=-1, keepdims=True) / face_size(x)
            weight = self._weight(self.min_cutoff_hz + self.beta * speed)
            self.smoothed = self.smoothed + weight * (x - self.smoothed)
        return self.smoothed.astype(landmarks.dtype)

    def _weight(self, cutoff_hz: float | np.ndarray) -> float | np.ndarray:
        return 1 / (1 + self.fps / (2 * math.pi * cutoff_hz))


def face_size(landmarks: np.ndarray) -> float:
    """The root mean square distance, px, of landmarks (K, 2) from their middle, doubled: about half a face's height.

    Unlike a box's side it hangs on no single landmark, and does not change when the head rolls.
    """
    return 2 * float(np.sqrt(np.sum(np.var(landmarks, axis=0)))) or 1.0
