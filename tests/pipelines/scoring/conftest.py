"""Evaluations of models that were not trained, on a few drawn faces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from components.model import LandmarkModel
from pipelines.evaluate import evaluate
from pipelines.params import Params, load_params
from pipelines.scoring.predict import Predictor
from studies.inputs.crops import draw_shard

TINY = Path(__file__).parents[2] / "tiny.yaml"

Evaluated = Callable[[LandmarkModel, Path, Path], Path]


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(TINY)


@pytest.fixture(scope="session")
def six_faces(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops of six drawn test faces."""
    folder = tmp_path_factory.mktemp("crops")
    (folder / "synthetic").mkdir()
    draw_shard(folder / "synthetic/test-00000-of-00001.parquet", params, 6)
    return folder


@pytest.fixture(scope="session")
def evaluated(params: Params) -> Evaluated:
    """What an evaluation of a model on crops leaves in a folder: by one of the pool's actors, without the pool."""

    def made(model: LandmarkModel, crops: Path, folder: Path) -> Path:
        (folder / "model").mkdir()
        model.save(folder / "model")
        training = {"key": "k", "best_step": 1, "steps": 1, "val_nme": 0.5}
        (folder / "model/training.json").write_text(json.dumps(training))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(
                "pipelines.evaluate.predict", lambda model, faces, stage, mirrored: Predictor(str(model)).predict(faces)
            )
            evaluate(folder / "model", crops, params, folder / "out")
        return folder / "out"

    return made
