"""A copy of the code to add files to and to change; read, never run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.params import Params, load_params
from pipelines.runtime.environment import ROOT

TINY = ROOT / "tests" / "tiny.yaml"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
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
