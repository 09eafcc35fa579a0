"""Drawn faces, and the folders of datasets that are made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from components.images import decode, encode_jpeg
from pipelines.draw import draw_folder
from pipelines.new_data import faces, twins
from pipelines.params import Params

TINY = Path(__file__).parents[2] / "tiny.yaml"


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 40 drawn faces."""
    folder = tmp_path_factory.mktemp("drawn") / "old"
    draw_folder(folder, 40, seed=0, size=128, workers=2)
    return folder


@pytest.fixture
def two() -> Params:
    """The tiny recipe on two datasets, `old` and `new`, both held out."""
    fields = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    source = {"reader": "synthetic", "share": 0.5}
    return Params.model_validate({**fields, "datasets": {"old": source, "new": source}})


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is kept and shown goes to a folder of the test's own, and nothing is known yet."""
    monkeypatch.setattr(faces, "KEPT", tmp_path / ".state/faces.db")
    monkeypatch.setattr(twins, "STATE", tmp_path / ".state")
    monkeypatch.setattr(twins, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def copy(drawn: Path) -> Callable[..., Path]:
    """Makes a dataset of some drawn faces, each under another name, after `change` was made to its line and its picture."""

    def made(folder: Path, rows: list[int], change: Callable[[dict, np.ndarray], np.ndarray]) -> Path:
        (folder / "images").mkdir(parents=True)
        lines = (drawn / "ibug68.jsonl").read_text(encoding="utf-8").splitlines()
        written = []
        for row in rows:
            face = json.loads(lines[row])
            pixels = change(face, decode((drawn / face["image"]).read_bytes()))
            face["image"] = f"images/copy{row}.jpg"
            (folder / face["image"]).write_bytes(encode_jpeg(pixels, 60))
            written.append(json.dumps(face))
        (folder / "ibug68.jsonl").write_text("\n".join(written) + "\n", encoding="utf-8")
        return folder

    return made
