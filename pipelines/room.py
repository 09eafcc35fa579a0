"""Room: about how much of the disk a retraining takes, before it begins."""

from __future__ import annotations

from pathlib import Path

from components.model import LandmarkModel
from pipelines.params import Params

# JPEG of quality 95 takes 0.28 to 0.45 bytes a pixel of a stored crop.
CROP_BYTES = 0.45
# DVC keeps a copy of each output in its cache.
COPIES = 2
# A state is the weights, their average, and Adam's two means; with it lie the best weights. Two are kept while a third is written.
STATE, KEPT = 5, 3
# The saved model, DVC's copy, and MLflow's.
MODELS = 3
# Databases, logs, and what Ray keeps of a session.
BESIDE = 200 * 10**6
PICTURES = (".jpg", ".jpeg", ".png", ".bmp")


def bytes_of_retraining(params: Params, data: Path, brought: dict[str, Path]) -> int:
    """Of everything that is written if nothing is up to date.

    Args:
        params: The recipe.
        data: The folder of all datasets.
        brought: Name and folder of a dataset that is to be copied there.
    """
    total = BESIDE + 4 * sum(value.numel() for value in LandmarkModel(params.model()).parameters()) * (
        STATE * KEPT + MODELS
    )
    for name in params.datasets:
        files = [path for path in brought.get(name, data / name).rglob("*") if path.is_file()]
        num_pictures = sum(path.suffix.lower() in PICTURES for path in files)
        total += int(COPIES * num_pictures * CROP_BYTES * params.preprocess.stored**2)
        if name in brought:
            total += COPIES * sum(path.stat().st_size for path in files)
    return total
