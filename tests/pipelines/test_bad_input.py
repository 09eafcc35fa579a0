"""Wrong input ends in one clear sentence, exit code 1, and nothing half-written."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.params import load_params
from pipelines.registry import tracking

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[1] / "tiny.yaml"


@pytest.fixture(scope="module")
def project(make_project):
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    return project


def sentence(done) -> str:
    """What a failed command said: exactly one line on its error stream."""
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]


def files(project) -> list[Path]:
    return sorted(
        path for name in ("artifacts", "reports") for path in (project.root / name).rglob("*") if path.is_file()
    )


def ingest(project, name: str):
    return project.run(
        "python", "-m", "pipelines.ingest", f"data/{name}", f"artifacts/tiny/annotations/{name}", check=False
    )


def test_a_missing_and_an_empty_data_folder(project):
    assert "data/synthetic is missing: `make data` draws faces" in sentence(ingest(project, "synthetic"))
    (project.root / "data/synthetic").mkdir(parents=True)
    assert "data/synthetic is empty; expected ibug68.jsonl" in sentence(ingest(project, "synthetic"))
    assert files(project) == []


def test_one_truncated_jpeg_and_one_pts_of_67_points_cost_no_neighbour(project):
    folder = project.root / "data/300w/afw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(40):
        cv2.imwrite(str(folder / f"{i}_1.jpg"), rng.integers(0, 255, (80, 80, 3)).astype(np.uint8))
        points = rng.uniform(10, 70, (67 if i == 7 else 68, 2))
        rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
        (folder / f"{i}_1.pts").write_text(f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n")
    cut = folder / "3_1.jpg"
    cut.write_bytes(cut.read_bytes()[:2000])
    project.edit("params.yaml", ("reader: synthetic", "reader: 300w"), ("  synthetic:\n", "  300w:\n"))
    done = ingest(project, "300w")
    project.edit("params.yaml", ("reader: 300w", "reader: synthetic"), ("  300w:\n", "  synthetic:\n"))
    assert done.returncode == 0, done.stderr
    assert "38 faces" in done.stdout
    rejected = pq.read_table(project.root / "artifacts/tiny/annotations/300w/rejected.parquet").to_pylist()
    assert [row["face"] for row in rejected] == ["afw/3_1", "afw/7_1"]
    assert "afw/3_1.jpg: unreadable or truncated image" in rejected[0]["reason"]
    assert rejected[1]["reason"] == "afw/7_1.pts: expected 68 landmarks, got 67"
    shutil.rmtree(project.root / "artifacts")


def test_a_wrong_key_and_a_wrong_codec_in_a_recipe(project):
    wrong = project.root / "recipes/wrong.yaml"
    before = (project.root / "params.yaml").read_text()
    wrong.write_text(before.replace("  seed: 0", "  sed: 0").replace("  name: subpixel", "  name: subpixle"))
    done = project.run("python", "-m", "flows.retrain", "--recipe", "recipes/wrong.yaml", check=False)
    assert "unknown key 'train.sed'; known: batch_size, channels_last" in sentence(done)
    wrong.write_text(before.replace("  name: subpixel", "  name: subpixle"))
    with pytest.raises(ValueError, match="unknown codec 'subpixle'; known: hih, rounded, subpixel"):
        load_params(wrong)
    assert before == (project.root / "params.yaml").read_text()
    assert files(project) == []


def test_a_folder_that_cannot_be_written(project):
    (project.root / "data/synthetic").mkdir(parents=True, exist_ok=True)
    (project.root / "data/synthetic/faces").touch()
    (project.root / "artifacts").write_text("a file where the folder should be")
    done = project.run("python", "-m", "flows.retrain", check=False)
    (project.root / "artifacts").unlink()
    (project.root / "data/synthetic/faces").unlink()
    assert "cannot write" in sentence(done)
    assert "artifacts" in sentence(done)


def test_a_tracking_server_that_refuses(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(ValueError, match=r"the MLflow server http://127\.0\.0\.1:9 does not answer"):
        tracking.connect()


def test_a_tracking_server_that_never_answers_is_given_up_within_20_seconds(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(ValueError, match="does not answer") as error:
            tracking.connect()
        assert time.monotonic() - began < 20
    assert "secret" not in str(error.value)
