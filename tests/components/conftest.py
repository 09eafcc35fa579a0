"""What the tests of `components` share: one thread, a scheme of three landmarks, drawn dots."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from components.schemes import Scheme


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def three() -> Scheme:
    """Two eyes and a nose."""
    return Scheme("three", ("right", "left", "nose"), (1, 0, 2), (0, 1), ((0,), (1,)), ((0, 2, 1),))


@pytest.fixture(scope="session")
def dot() -> Callable[..., np.ndarray]:
    """Draws a Gaussian dot at an exact place of a black picture: (H, W, 3) uint8."""

    def draw(width: int, height: int, x: float, y: float, sigma: float) -> np.ndarray:
        rows, columns = np.mgrid[:height, :width]
        value = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
        return np.repeat(np.rint(value).astype(np.uint8)[..., None], 3, axis=-1)

    return draw


@pytest.fixture(scope="session")
def centroid() -> Callable[[np.ndarray], np.ndarray]:
    """(x, y) of the brightness of a picture (H, W) or (H, W, C), pixel centres at integers."""

    def measure(picture: np.ndarray) -> np.ndarray:
        weight = picture.reshape(*picture.shape[:2], -1).sum(axis=-1, dtype=np.float64)
        rows, columns = np.indices(weight.shape)
        return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()

    return measure
