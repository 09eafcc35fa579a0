"""A model that was never trained: what is fitted after a training is not about how good it is."""

from __future__ import annotations

import pytest
import torch

from components.codecs import Subpixel
from components.model import LandmarkModel, ModelConfig
from components.networks import UNet
from components.schemes import IBUG68


@pytest.fixture
def model() -> LandmarkModel:
    """68 landmarks, 64 px crops, random weights."""
    torch.manual_seed(0)
    codec = Subpixel(crop=64, stride=4, sigma=1.5, window=5, temperature=10.0)
    return LandmarkModel(ModelConfig(IBUG68, codec, UNet(width=4), "mse", expand=1.3, box="landmarks"))
