"""Which way a surface faces."""

from __future__ import annotations

import cv2
import numpy as np


def normals(vertices: np.ndarray) -> np.ndarray:
    """Unit normals (R, C, 3) of a vertex grid in the camera's frame, smoothed over a cell."""
    across = np.gradient(vertices, axis=1)
    down = np.gradient(vertices, axis=0)
    normal = np.stack(
        [
            across[..., 1] * down[..., 2] - across[..., 2] * down[..., 1],
            across[..., 2] * down[..., 0] - across[..., 0] * down[..., 2],
            across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0],
        ],
        axis=-1,
    )
    normal = cv2.GaussianBlur(normal, (3, 3), 0.6, borderType=cv2.BORDER_REPLICATE)
    return normal / np.maximum(np.sqrt(np.square(normal).sum(axis=-1, keepdims=True)), 1e-9)
