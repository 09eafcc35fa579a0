"""What tests of the registry share: a copy of the code to change, which is never run, and an evaluated model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from components.model import LandmarkModel
from pipelines.evaluate import audited
from pipelines.params import Params, load_params
from pipelines.registry import tracking
from pipelines.runtime.environment import ROOT
from pipelines.runtime.tables import write_table
from pipelines.scoring.held_out import faces_to_measure
from pipelines.scoring.measure import measure
from pipelines.scoring.predict import Predictor
from studies.inputs.crops import draw_shard

KEY = "0123456789abcdef"
TINY = ROOT / "tests" / "tiny.yaml"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code to add files to and to change; read, never run."""
    for name in ("components", "pipelines", "studies"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(TINY)


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Stand-ins for the crops of tiny.yaml's dataset, in a folder with one for each dataset."""
    folder = tmp_path / "crops" / "synthetic"
    folder.mkdir(parents=True)
    for name in ("train-00000-of-00001.parquet", "val-00000-of-00001.parquet"):
        (folder / name).write_bytes(name.encode())
    return folder.parent


class Evaluated(NamedTuple):
    """What the stages leave behind of one recipe: its params, and the folders of the model, the reports and all that was made."""

    params: Params
    model: Path
    reports: Path
    made: Path


@pytest.fixture(scope="session")
def evaluated(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """An untrained model with its evaluation on four drawn faces."""
    return evaluate_untrained(params, tmp_path_factory.mktemp("evaluated"), seed=0, key=KEY)


def evaluate_untrained(params: Params, folder: Path, seed: int, key: str, num_faces: int = 4) -> Evaluated:
    """Makes a model of a seed, and its evaluation on a few drawn faces, in an empty folder."""
    made, reports, model = folder / "made", folder / "reports", folder / "made" / "model"
    shard = made / "crops" / "synthetic" / "test-00000-of-00001.parquet"
    for path in (shard, made / "code" / "train.json", made / "annotations" / "synthetic" / "card.html"):
        path.parent.mkdir(parents=True)
        path.write_text("{}", encoding="utf-8")
    reports.mkdir()
    model.mkdir()
    draw_shard(shard, params, num_faces)
    torch.manual_seed(seed)
    LandmarkModel(params.model()).save(model)
    (model / "training.json").write_text(json.dumps({"key": key, "trained_on": "train"}), encoding="utf-8")
    scheme, protocol = params.model().scheme, params.evaluate.on_test
    faces = faces_to_measure(made / "crops", params)
    errors = measure(Predictor(str(model), False).predict(faces), scheme, protocol)
    write_table(errors, reports / "errors.parquet")
    metrics = {"training": key, **audited(errors, scheme, protocol)[0]}
    (reports / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return Evaluated(params, model, reports, made)


@contextmanager
def stored_in(folder: Path) -> Iterator[None]:
    """Tracks in SQLite in a folder, with the artifacts beside it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tracking, "RUNS", folder)
        patched.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[None]:
    """A tracking store of its own."""
    with stored_in(tmp_path):
        yield
