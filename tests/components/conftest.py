"""What the tests of `components` share: one thread, a scheme of three landmarks, drawn dots, weights, joined models."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from components.codecs import Hih
from components.model import LandmarkModel, ModelConfig
from components.networks import Network
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


@pytest.fixture(scope="session")
def drawn() -> Callable[[nn.Module], nn.Module]:
    """Draws weights, biases and batch norm's statistics, and sets to evaluation.

    Fresh ones would hide much: HIH's deviations let nothing through, and a batch norm that was never trained is the
    identity, whatever its place.
    """

    def draw(network: nn.Module) -> nn.Module:
        torch.manual_seed(0)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.1)
                nn.init.normal_(module.running_mean, std=0.1)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
        return network.eval()

    return draw


@pytest.fixture(scope="session")
def joined(three: Scheme) -> Callable[..., LandmarkModel]:
    """(network, kind of its head or None) -> both joined, for the three landmarks, with a decimal map of 4 bins."""

    def join(network: Network, kind: str | None, crop: int = 64, decimal: int = 4) -> LandmarkModel:
        codec = Hih(crop=crop, stride=4, sigma=1.5, decimal=decimal, decimal_head=kind or "woo")
        return LandmarkModel(ModelConfig(three, codec, network, "mse", 1.3, "landmarks"))

    return join
