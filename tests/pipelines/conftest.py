"""A training to disturb: the crops of a few drawn faces, made without Ray, and a recipe that trains in one process."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.params import load_params
from studies.inputs.crops import draw_shard

TINY = Path(__file__).parents[1] / "tiny.yaml"
# So many steps that there is time to disturb something between the first checkpoint and the end.
CHANGES = (("epochs: 6", "epochs: 120"), ("evaluations: 3", "evaluations: 12"), ("num_workers: 2", "num_workers: 0"))

TRAIN = ("python", "-m", "pipelines.train", "artifacts/tiny/crops", "artifacts/tiny/model", "reports/tiny/curves.csv")
MODEL = "artifacts/tiny/model/model.safetensors"
# The flow's task without a flow.
STAGE = (
    "python",
    "-c",
    "import sys; from pathlib import Path; from prefect.logging import disable_run_logger; from pipelines.runtime import environment;"
    "environment.set_defaults(); from flows.stage import bring_up_to_date\n"
    "with disable_run_logger(): bring_up_to_date(sys.argv[1], Path.cwd())",
    "train",
)


def fill(folder: Path) -> Path:
    """Takes all that a disk has left."""
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return folder / "filler"
    raise AssertionError


@pytest.fixture(scope="session")
def drawn_crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of tiny.yaml's dataset: two of training faces, one of validation faces."""
    folder = tmp_path_factory.mktemp("crops") / "synthetic"
    folder.mkdir()
    for name, first, count in (
        ("train-00000-of-00002", 0, 12),
        ("train-00001-of-00002", 12, 12),
        ("val-00000-of-00001", 24, 6),
    ):
        draw_shard(folder / f"{name}.parquet", load_params(TINY), count, first)
    return folder.parent


@pytest.fixture
def trainable(make_project, drawn_crops: Path):
    """A project in which `pipelines.train` can be run, and nothing is trained yet."""
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    project.edit("params.yaml", *CHANGES)
    shutil.copytree(drawn_crops, project.root / "artifacts/tiny/crops")
    return project


@contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of its own in a folder; the folder's content is not seen meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def small_disk() -> Callable:
    return _small_disk
