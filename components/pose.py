"""How a head is turned, estimated from its landmarks."""

from __future__ import annotations

import numpy as np

from components.schemes import Scheme

# How far the tip of the nose stands before the line through the outer eye corners, in inter-ocular distances.
# Source: MediaPipe's canonical face model, vertices 1, 33 and 263: (7.4756 - 3.1734) / (2 * 4.4459).
NOSE_DEPTH = 0.484


def yaw_deg(landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    """An estimate of how far the head is turned, degrees; positive towards the subject's left, the picture's right.

    With e the vector from the right to the left outer eye corner, d its length, and t the tip of the nose measured
    along e from the middle of the two: yaw = atan(t / (d * p)), p = 0.484. A head turned by yaw shows its inter-ocular
    distance D as d = D * cos(yaw), and its nose, p * D before the eyes, at t = p * D * sin(yaw). It takes the picture
    for a parallel projection and every nose for equally long: good for a histogram, not for a measurement.

    Args:
        landmarks: (N, K, 2), (x, y), image px.

    Returns:
        (N,); NaN where the outer eye corners coincide or a landmark has no position, and throughout where the scheme
        names no nose bridge.
    """
    bridge = [k for k, name in enumerate(scheme.names) if name.startswith("nose_bridge_")]
    if not bridge:
        return np.full(len(landmarks), np.nan)
    right, left = (landmarks[:, k].astype(np.float64) for k in scheme.inter_ocular)
    across = left - right
    squared = np.sum(across**2, axis=-1)
    along = np.sum((landmarks[:, bridge[-1]] - (left + right) / 2) * across, axis=-1)
    offset = np.divide(along, squared, out=np.full(len(along), np.nan), where=squared > 0)
    return np.rad2deg(np.arctan(offset / NOSE_DEPTH))


def roll_deg(landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    """How far the line through the outer eye corners is tilted, degrees, clockwise as seen: atan2(dy, dx).

    Args:
        landmarks: (N, K, 2), (x, y), image px.

    Returns:
        (N,), in (-180, 180].
    """
    across = landmarks[:, scheme.inter_ocular[1]] - landmarks[:, scheme.inter_ocular[0]]
    return np.rad2deg(np.arctan2(across[:, 1], across[:, 0]))
