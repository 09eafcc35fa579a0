"""A model that was never trained, and two drawn faces: what serving is about is not how good a model is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from components.codecs import Subpixel
from components.model import LandmarkModel, ModelConfig
from components.networks import UNet
from components.schemes import SCHEMES
from components.synthetic import draw_face


@pytest.fixture(scope="session")
def network() -> LandmarkModel:
    """68 landmarks, 64 px crops, random weights."""
    torch.manual_seed(0)
    codec = Subpixel(crop=64, stride=4, sigma=1.5, window=5, temperature=10.0)
    return LandmarkModel(ModelConfig(SCHEMES["ibug68"], codec, UNet(width=4), "mse", 1.25, "landmarks")).eval()


@pytest.fixture(scope="session")
def model_folder(network: LandmarkModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    network.save(folder)
    return folder


@pytest.fixture(scope="session")
def seeing(network: LandmarkModel) -> LandmarkModel:
    """The same, with a word on which landmarks are visible, as if it had learnt one: some are hidden rather than visible."""
    model = network.under(replace(network.config, visibility=True))
    assert model.visibility is not None
    for value in model.visibility.parameters():
        value.data = torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) / model.visibility.pace
    return model


@pytest.fixture(scope="session")
def drawn() -> list[np.ndarray]:
    """Two pictures of a face each, (128, 128, 3) and (96, 96, 3)."""
    return [draw_face(0, 0, 128).image, draw_face(0, 2, 96).image]


@pytest.fixture
def photos(drawn: list[np.ndarray], tmp_path: Path) -> Path:
    """photos/one.png and photos/sub/two.jpg, the drawn faces."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    cv2.imwrite(str(folder / "one.png"), drawn[0][:, :, ::-1])
    cv2.imwrite(str(folder / "sub/two.jpg"), drawn[1][:, :, ::-1])
    return folder
