"""Landmarks through a codec, and how far off they come back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from components.codecs import Codec, Decoded
from components.geometry import from_cells, to_cells


@pytest.fixture(scope="session")
def render() -> Callable[..., dict[str, torch.Tensor]]:
    """(codec, landmarks (N, K, 2) crop px) -> the codec's maps."""

    def draw(codec: Codec, landmarks: np.ndarray, visible: np.ndarray | None = None) -> dict[str, torch.Tensor]:
        landmarks = np.asarray(landmarks, np.float32)
        targets = codec.encode(landmarks, np.ones(landmarks.shape[:2], bool) if visible is None else visible)
        return codec.render({name: torch.from_numpy(value) for name, value in targets.items()})

    return draw


@pytest.fixture(scope="session")
def through(render: Callable) -> Callable[[Codec, np.ndarray], Decoded]:
    """(codec, landmarks (N, K, 2) crop px) -> what is read off their perfect maps."""
    return lambda codec, landmarks: codec.decode(render(codec, landmarks))


@pytest.fixture(scope="session")
def cell_errors(through: Callable) -> Callable[[Codec, np.ndarray], np.ndarray]:
    """(codec, positions (M, 2), cells) -> decoded minus true position (M, 2), cells."""

    def measure(codec: Codec, cells: np.ndarray) -> np.ndarray:
        parts = np.array_split(from_cells(cells, codec.stride), max(1, len(cells) // 1000))
        decoded = np.concatenate([through(codec, part[None]).landmarks[0].numpy() for part in parts])
        return to_cells(decoded.astype(np.float64), codec.stride) - cells

    return measure


@pytest.fixture(scope="session")
def uniform() -> Callable[[float, float], np.ndarray]:
    """20,000 positions (M, 2), uniform between two places on both axes."""
    return lambda low, high: np.random.default_rng(0).uniform(low, high, (20_000, 2))
