"""The soft-argmax's temperature, fitted on validation faces after a training.

A network's peaks are lower and wider than the Gaussians it was shown, which acts as another temperature.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from components.codecs.gaussian import Gaussian
from components.metrics import Protocol, nme
from components.model import LandmarkModel
from pipelines.batches import Batch

# From nearly the mean of the window to nearly its highest cell: a factor of 1.19 from one to the next.
TEMPERATURES = tuple(float(value) for value in np.round(2.0 ** np.arange(0, 6.01, 0.25), 2))
BATCH = 64


@torch.no_grad()
def fit_temperature(model: LandmarkModel, faces: Batch, protocol: Protocol) -> tuple[float, dict[float, float]]:
    """The temperature with the lowest NME, and the NME of each.

    Args:
        model: Whose codec is read by a soft-argmax.
        faces: Validation faces: pixels (N, 3, H, W) uint8, landmarks (N, K, 2) crop px.
        protocol: Of the NME.
    """
    model.eval()
    codec = model.config.codec
    assert isinstance(codec, Gaussian)  # what `Params` lets through
    normaliser = protocol.normalise(faces["landmarks"], model.config.scheme)
    errors = dict.fromkeys(TEMPERATURES, 0.0)
    for first in range(0, len(normaliser), BATCH):
        part = slice(first, first + BATCH)
        outputs = model(torch.from_numpy(faces["pixels"][part]).to(model.mean.device))
        for temperature in TEMPERATURES:
            found = model.decode(outputs, replace(codec, temperature=temperature)).landmarks.cpu().numpy()
            errors[temperature] += float(nme(found, faces["landmarks"][part], normaliser[part]).sum())
    curve = {temperature: total / len(normaliser) for temperature, total in errors.items()}
    return min(curve, key=lambda temperature: curve[temperature]), curve
