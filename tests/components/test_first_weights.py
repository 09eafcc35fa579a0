"""Every network learns under every heatmap loss and codec, from its first step on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from components.codecs import CODECS
from components.crops import crop_face
from components.losses import HEATMAP_LOSSES
from components.losses.objective import Objective
from components.model import LandmarkModel, ModelConfig
from components.networks import NETWORKS, Fan, Hourglass, Network, UNet
from components.samples import Box
from components.schemes import Scheme
from components.synthetic import draw_face

CROP, NUM_FACES, NUM_STEPS = 64, 4, 150
# Five landmarks of ibug68 (outer eye corners, tip of the nose, mouth corners): maps are most of what a small step costs.
CHOSEN = [36, 45, 30, 48, 54]
FIVE = Scheme("five", ("right", "left", "nose", "mouth right", "mouth left"), (1, 0, 2, 4, 3), (0, 1), ((0,), (1,)), ())
SMALL: dict[str, Network] = {
    "fan": Fan(modules=1, features=16, depth=2, decimal_features=16),
    "hourglass": Hourglass(stacks=1, depth=2, features=16, decimal_features=16),
    "unet": UNet(width=16),
}
# Each network with each loss, and each codec with each loss.
PAIRS = {
    *itertools.product(NETWORKS, HEATMAP_LOSSES, ["subpixel"]),
    *itertools.product(["unet"], HEATMAP_LOSSES, CODECS),
}


@pytest.fixture(scope="module")
def faces() -> tuple[np.ndarray, np.ndarray]:
    """Drawn ones: pixels (N, 3, H, W) uint8 and landmarks (N, 5, 2), crop px."""
    crops = []
    for index in range(NUM_FACES):
        face = draw_face(0, index, 128)
        landmarks = face.landmarks["ibug68"]
        crops.append(crop_face(face.image, Box.around(landmarks), landmarks[CHOSEN], CROP, 1.3))
    pixels = np.stack([crop.pixels for crop in crops]).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels), np.stack([crop.landmarks for crop in crops])


def configured(network: str, loss: str, codec: str) -> ModelConfig:
    drawn = CODECS[codec](crop=CROP, stride=4, sigma=1.0)
    return ModelConfig(FIVE, drawn, SMALL[network], loss, expand=1.3, box="landmarks")


def test_all_networks_have_a_small_one_here() -> None:
    assert sorted(NETWORKS) == sorted(SMALL)


@pytest.mark.parametrize(("network", "loss", "codec"), sorted(PAIRS))
def test_a_few_steps_on_a_few_faces_beat_their_mean_shape(network, loss, codec, faces) -> None:
    pixels, landmarks = faces
    torch.manual_seed(0)
    config = configured(network, loss, codec)
    model, flip = LandmarkModel(config).train(), torch.tensor(config.scheme.flip)
    encoded = config.codec.encode(landmarks, np.ones(landmarks.shape[:2], bool))
    batch = {"pixels": torch.from_numpy(pixels), **{name: torch.from_numpy(value) for name, value in encoded.items()}}
    maps = config.codec.render(batch)
    weights = {"heatmap_weight": 1.0, "decimal_weight": 0.05, "siamese_weight": 0.0}
    objective = Objective(heatmap=loss, decimal="csc", num_views=1, visibility=False, **weights)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, eps=1e-12)
    for _ in range(NUM_STEPS):
        total, weight = objective.sums(model(batch["pixels"]), maps, batch, config.codec.sigma, flip, model.head)
        optimizer.zero_grad()
        (total / weight).backward()
        optimizer.step()
    found = model.predict_crops(pixels.transpose(0, 2, 3, 1)).landmarks
    of_mean_shape = np.linalg.norm(landmarks - landmarks.mean(0), axis=-1).mean()
    assert np.linalg.norm(found - landmarks, axis=-1).mean() < of_mean_shape


@pytest.mark.parametrize("network", ["fan", "unet"])
def test_the_first_maps_of_a_loss_of_maps_are_a_tenth_of_the_targets(network, faces) -> None:
    pixels, _ = faces
    torch.manual_seed(0)
    config = configured(network, "mse", "subpixel")
    heatmap = LandmarkModel(config).train()(torch.from_numpy(pixels))["heatmap"]
    # A Gaussian of sigma 1 with peak 1 has squares that sum to pi, over 16 x 16 cells; a tenth of their root mean square.
    assert heatmap.square().mean().sqrt().item() == pytest.approx(0.1 * np.sqrt(np.pi) / 16, rel=0.5)
