"""The soft-argmax's temperature, fitted on validation faces after a training.

A network's peaks are lower and wider than the Gaussians it was shown, which acts as another temperature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch

from components.codecs.gaussian import Gaussian
from components.metrics import PROTOCOLS, Protocol, nme
from components.model import LandmarkModel
from pipelines.params import Params
from pipelines.training.batches import Batch
from pipelines.training.crops import Shards
from pipelines.training.validation import fitting_device, spread_batches

# From nearly the mean of the window to nearly its highest cell: a factor of 1.19 from one to the next.
TEMPERATURES = tuple(float(value) for value in np.round(2.0 ** np.arange(0, 6.01, 0.25), 2))


def with_fitted_temperature(
    model: LandmarkModel, val: Shards, params: Params
) -> tuple[LandmarkModel, dict[float, float]]:
    """The same network, read at the temperature that suits the validation faces best; and the NME at each."""
    protocol = PROTOCOLS[params.evaluate.protocol]
    best, curve = fit_temperature(model.to(fitting_device(params)), spread_batches(params, val), protocol)
    print(f"train: temperature {best:g} fits the validation faces best: NME {curve[best]:.2%}", flush=True)
    return model.under(replace(model.config, codec=replace(model.config.codec, temperature=best))), curve


@torch.no_grad()
def fit_temperature(
    model: LandmarkModel, batches: Iterable[Batch], protocol: Protocol
) -> tuple[float, dict[float, float]]:
    """The temperature with the lowest NME, and the NME of each.

    Args:
        model: Whose codec is read by a soft-argmax.
        batches: Validation faces: pixels (N, 3, H, W) uint8, landmarks (N, K, 2) crop px.
        protocol: Of the NME; faces that it cannot measure are left out.

    Raises:
        ValueError: It can measure none.
    """
    model.eval()
    codec = model.config.codec
    assert isinstance(codec, Gaussian)  # what `Params` lets through
    errors: dict[float, list[np.ndarray]] = {temperature: [] for temperature in TEMPERATURES}
    num_faces = 0
    for faces in batches:
        outputs, truth = model(torch.from_numpy(faces["pixels"]).to(model.mean.device)), faces["landmarks"]
        measured = protocol.measurable(truth, model.config.scheme)
        normaliser = protocol.normalise(truth[measured], model.config.scheme)
        num_faces += len(truth)
        for temperature, found in errors.items():
            landmarks = model.decode(outputs, replace(codec, temperature=temperature)).landmarks
            found.append(nme(landmarks.cpu().numpy()[measured], truth[measured], normaliser))
    if not sum(map(len, errors[TEMPERATURES[0]])):
        raise protocol.none_measurable(num_faces, "validation")
    curve = {temperature: float(np.concatenate(found).mean()) for temperature, found in errors.items()}
    return min(curve, key=lambda temperature: curve[temperature]), curve
