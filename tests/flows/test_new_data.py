"""New faces come in beside the old, as a user brings them: real DVC, Ray, MLflow and Prefect, in a copy of the project."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from mlflow import MlflowClient

from pipelines.splits import assign_splits

pytestmark = pytest.mark.nightly

HEATMARK = ("python", "-m", "heatmark")
TINY = Path(__file__).parents[1] / "tiny.yaml"
MODEL = "heatmark-tiny"
CHAMPION = f"models:/{MODEL}@champion"


@pytest.fixture(scope="module")
def project(make_project):
    """A copy with a champion that was trained on drawn faces, a folder of others, and a recipe that has both."""
    project = make_project()
    fields = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    fields["train"] = {**fields["train"], "epochs": 1, "evaluations": 1, "num_workers": 0}
    (project.root / "params.yaml").write_text(yaml.safe_dump(fields, sort_keys=False))
    both = {"synthetic": {"reader": "synthetic", "share": 0.75}, "new": {"reader": "synthetic", "share": 0.25}}
    fields = {**fields, "datasets": both, "train": {**fields["train"], "start_from": CHAMPION, "epochs": 4}}
    (project.root / "recipes/more.yaml").write_text(yaml.safe_dump(fields, sort_keys=False))
    for folder, count, seed in (("data/synthetic", "48", "0"), ("drop/new", "24", "7")):
        project.run(*HEATMARK, "draw", folder, "--num-faces", count, "--size", "128", "--seed", seed)
    project.run(*HEATMARK, "retrain")
    return project


def state(project) -> dict[str, object]:
    """All that must stay."""
    files = [path for folder in ("data", "reports", "artifacts") for path in (project.root / folder).rglob("*")]
    kept = {path: path.stat().st_mtime_ns for path in files if path.is_file()}
    texts = {name: (project.root / name).read_bytes() for name in ("params.yaml", "data.dvc", "dvc.lock")}
    aliases = MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db").get_registered_model(MODEL).aliases
    return {**kept, **texts, "aliases": dict(aliases)}


def artifacts(project, key: str) -> Iterator[str]:
    """The texts of a flow's artifacts, the oldest first."""
    with closing(sqlite3.connect(project.root / ".state/prefect/prefect.db")) as prefect:
        for (data,) in prefect.execute("SELECT data FROM artifact WHERE key = ? ORDER BY created", (key,)):
            yield json.loads(data)


def split(subject: str) -> str:
    return assign_splits([subject], [None], 0.2, 0.25)[0]  # tiny.yaml's shares


def test_the_champion_is_measured_on_new_faces_and_nothing_changes(project):
    before = state(project)
    said = project.run(*HEATMARK, "measure", "drop/new", "--recipe", "recipes/more.yaml").stdout
    assert before == state(project)
    assert f"{MODEL} version 1 on new" in said
    for line in ("│ new faces         │ 24 of new, 0 rejected", "│ all ", "│ size, px ", "│ sharpness "):
        assert line in said
    assert max(len(line) for line in said.splitlines() if line[:1] in "│┌├└┃┏┡") <= 80
    client = MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("heatmark-measured").experiment_id])
    assert ("FINISHED", "1", "new") == (
        run.info.status,
        *(run.data.tags[f"heatmark.{tag}"] for tag in ("version", "folder")),
    )
    assert 24 == run.data.metrics["num_faces"]
    assert {"nme", "auc", "drift.size_px", "drift.brightness", "num_rejected"} <= run.data.metrics.keys()
    (page,) = artifacts(project, "measure")
    assert page.startswith(f"# {MODEL} version 1 on new\n")
    assert "| size, px | " in page


def test_a_copy_of_a_face_that_trains_is_refused_before_anything_changes(project):
    old = [json.loads(line) for line in (project.root / "data/synthetic/ibug68.jsonl").read_text().splitlines()]
    face = next(face for face in old if split(face["subject"]) == "train")
    stranger = next(name for name in map(str, range(100)) if split(name) == "test")
    lines = project.root / "drop/new/ibug68.jsonl"
    text, copy = lines.read_text(), project.root / "drop/new/images/copy.jpg"
    copy.write_bytes((project.root / "data/synthetic" / face["image"]).read_bytes())
    lines.write_text(text + json.dumps({**face, "image": "images/copy.jpg", "subject": stranger}) + "\n")
    before = state(project)
    done = project.run(*HEATMARK, "retrain", "--recipe", "recipes/more.yaml", "--data", "drop/new", check=False)
    copy.unlink()
    lines.write_text(text)
    assert (1, before) == (done.returncode, state(project))
    name = Path(face["image"]).stem
    assert (
        f": new/copy (test) is nearly synthetic/{name} (train), 0 of 256 bits apart. Look at .state/twins/tiny.jpg"
        in done.stderr
    )
    assert 1 == len(done.stderr.splitlines())
    assert (project.root / ".state/twins/tiny.jpg").stat().st_size > 1000


def test_new_faces_are_trained_beside_the_old_from_the_champion_on(project):
    said = project.run(*HEATMARK, "retrain", "--recipe", "recipes/more.yaml", "--data", "drop/new").stdout
    assert "twins: none across the split among 24 faces of new, 48 faces of synthetic" in said
    assert f"train: starts from {MODEL} version 1 (training " in said
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]
    assert {"ingest@new", "ingest@synthetic"} <= lock.keys()
    assert f"{MODEL} version 2 is new" in said
    table = pq.read_table(project.root / "reports/tiny/training_faces.parquet")
    assert {"new", "synthetic"} == set(table.column("dataset").to_pylist())
    report = (project.root / "reports/tiny/report.html").read_text()
    assert "<h2>What the training faces are like</h2>" in report
    for shown in (said, report, list(artifacts(project, "retrain-tiny"))[-1]):
        assert "yaw, degrees" in shown
    metrics = json.loads((project.root / "reports/tiny/metrics.json").read_text())
    assert {"dataset_new", "dataset_synthetic"} <= metrics["subsets"].keys()


def test_a_folder_without_a_champion_or_faces_is_refused(project):
    for words, reason in (
        (("away",), "DATA=away is not a folder"),
        (
            ("drop/new", "--recipe", "recipes/more.yaml", "--model", "heatmark-none"),
            "no model 'heatmark-none' is registered",
        ),
    ):
        done = project.run(*HEATMARK, "measure", *words, check=False)
        assert (1, 1) == (done.returncode, len(done.stderr.splitlines())), done.stderr
        assert reason in done.stderr
