"""Two datasets in one training, as a user runs it: real Ray, DVC, MLflow and Prefect, in a copy of the project."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from mlflow import MlflowClient

from components.samples import Box
from components.synthetic import draw_face
from flows.retrain import brought
from flows.summary import Summary
from pipelines.params import Params

pytestmark = pytest.mark.slow

RETRAIN = ("python", "-m", "flows.retrain")
TINY = Path(__file__).parents[1] / "tiny.yaml"
MODEL = "heatmark-tiny"
# Of another markup, and so only for training.
BESIDE = {"reader": "synthetic", "scheme": "wflw98", "share": 0.25, "held_out": False}
DATASETS: dict[str, dict[str, Any]] = {"drawn": {"reader": "synthetic", "share": 0.75}, "beside": BESIDE}


def fields_of(datasets: dict, **train: object) -> dict:
    fields = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    return {**fields, "datasets": datasets, "train": {**fields["train"], "epochs": 2, "evaluations": 1, **train}}


def write_recipe(project, datasets: dict, **train: object) -> None:
    text = yaml.safe_dump(fields_of(datasets, **train), sort_keys=False)
    (project.root / "recipes/tiny.yaml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def project(make_project):
    """A copy in which two Ray Train workers trained a model on faces of both markups; one of the datasets is held out."""
    project = make_project()
    for seed, name in enumerate(DATASETS):
        words = ("--num-faces", "40", "--size", "128", "--seed", str(seed))
        project.run("python", "-m", "pipelines.draw", f"data/{name}", *words)
    write_recipe(project, DATASETS)
    project.first = project.run(*RETRAIN, "--recipe", "recipes/tiny.yaml").stdout
    return project


def lock(project) -> dict:
    return yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]


def dep(project, stage: str, path: str) -> dict:
    return next(dep for dep in lock(project)[stage]["deps"] if dep["path"] == path)


def test_each_dataset_is_read_and_cut_in_a_stage_of_its_own(project):
    expected = [f"{stage}@{name}" for stage in ("ingest", "preprocess") for name in DATASETS]
    assert {"code", "train", "evaluate", *expected} == lock(project).keys()
    assert re.findall(r"^ingest: .*/(\w+)/card.html$", project.first, re.MULTILINE) == list(DATASETS)


def test_who_is_not_held_out_trains_and_is_not_measured(project):
    table = pq.read_table(project.root / "artifacts/tiny/annotations/beside/annotations.parquet")
    assert {"train": 40} == Counter(table.column("split").to_pylist())
    measured = pq.read_table(project.root / "reports/tiny/errors.parquet").column("face").to_pylist()
    own = pq.read_table(project.root / "artifacts/tiny/annotations/drawn/annotations.parquet").to_pylist()
    assert [row["face"] for row in own if row["split"] == "test"] == measured


def test_steps_are_passes_over_the_held_out_faces_at_their_share(project):
    shards = (project.root / "artifacts/tiny/crops/drawn").glob("train-*.parquet")
    num_faces = sum(pq.read_metadata(path).num_rows for path in shards)
    # Two epochs; 6 of a batch of 8 are of that dataset.
    assert f"train: {2 * num_faces // 6} steps of 8 faces" in project.first


def test_landmarks_of_another_markup_are_the_models_and_boxes_its_own(project):
    row = (
        pq.read_table(project.root / "artifacts/tiny/crops/beside/train-00000-of-00003.parquet")
        .slice(0, 1)
        .to_pylist()[0]
    )
    truth, mapped = draw_face(1, 0, 128).landmarks, np.reshape(row["landmarks"], (68, 2))
    known = np.isfinite(mapped).all(axis=1)
    assert 30 == known.sum()
    # Stored with two decimals or more.
    np.testing.assert_allclose(truth["ibug68"][known], mapped[known], atol=0.01)
    np.testing.assert_allclose(Box.around(truth["wflw98"]), row["box"], atol=0.01)


def test_report_run_and_version_name_each(project):
    report = (project.root / "reports/tiny/report.html").read_text()
    assert "<th>dataset beside</th><td>beside (synthetic, wflw98): 0.25 of each batch, trains only</td>" in report
    client = MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db")
    version = client.get_model_version(MODEL, "1")
    run = client.get_run(version.run_id).data
    for name, use in (("drawn", "0.75 of each batch, held out"), ("beside", "0.25 of each batch, trains only")):
        expected = f"{dep(project, f'ingest@{name}', f'data/{name}')['md5']}, {use}"
        assert expected == version.tags[f"data.{name}"] == run.tags[f"data.{name}"]
        assert str(DATASETS[name]["share"]) == run.params[f"datasets.{name}.share"]
        (card,) = client.list_artifacts(version.run_id, f"provenance/{name}")
        assert f"provenance/{name}/card.html" == card.path


def test_another_share_trains_and_evaluates_again_but_reads_and_cuts_nothing(project):
    def stages_to_run() -> set[str]:
        said = project.run("dvc", "repro", "--dry").stdout
        return set(re.findall(r"Running stage '([\w@]+)'", said)) - {"code"}

    before = (project.root / "params.yaml").read_text()
    assert set() == stages_to_run()
    project.edit("params.yaml", ("    share: 0.75", "    share: 0.5"), ("    share: 0.25", "    share: 0.5"))
    assert {"train", "evaluate"} == stages_to_run()
    (project.root / "params.yaml").write_text(before)


def test_a_dataset_that_left_the_recipe_leaves_nothing_behind(project):
    write_recipe(project, {"drawn": {"reader": "synthetic"}}, num_workers=0)
    said = project.run(*RETRAIN, "--recipe", "recipes/tiny.yaml").stdout
    for part in ("annotations", "crops"):
        assert f"artifacts/tiny/{part}/beside is of no dataset of tiny, and goes" in said
    assert said.count("didn't change, skipping") == 2  # what was read and cut of the other
    crops = project.root / "artifacts/tiny/crops"
    assert ["drawn"] == [path.name for path in crops.iterdir()]
    assert len(list(crops.glob("drawn/*"))) == dep(project, "train", "artifacts/tiny/crops")["nfiles"]
    assert "version 2 is new" in said


def test_a_training_does_not_begin_without_one_of_its_datasets(project):
    before = (project.root / "params.yaml").read_text()
    write_recipe(project, {**DATASETS, "beside": {**BESIDE, "share": 0.2}, "new": {**BESIDE, "share": 0.05}})
    done = project.run(*RETRAIN, "--recipe", "recipes/tiny.yaml", check=False)
    assert "data/new is missing or empty, and recipe tiny has the datasets drawn, beside, new: put it" in done.stderr
    assert before == (project.root / "params.yaml").read_text()


def test_data_is_the_dataset_of_its_name_or_the_only_one():
    both, one = (Params.model_validate(fields_of(of)) for of in (DATASETS, {"drawn": {"reader": "synthetic"}}))
    assert ("beside", "drawn", None) == (brought("a/beside/", both), brought("a/b", one), brought(None, both))
    message = (
        r"^DATA=a/b: recipe tiny has the datasets drawn, beside, so that a folder goes by its own name: give one that"
    )
    with pytest.raises(ValueError, match=message):
        brought("a/b", both)


def test_the_summary_has_a_line_for_each_dataset_that_is_measured():
    figures = {"nme": 0.03, "failure_rate": 0.0, "auc": 0.6, "num_faces": 3}
    intervals = {f"{name}_interval": [0.0, 1.0] for name in ("nme", "failure_rate", "auc")}
    protocol = {"name": "inter_ocular", "hash": "0", "failure_threshold": 0.1, "auc_threshold": 0.1}
    subsets = {"dataset_a": {"nme": 0.02, "num_faces": 1}, "dataset_b": {"nme": 0.035, "num_faces": 2}, "full": figures}
    metrics = {**figures, **intervals, "protocol": protocol, "subsets": subsets}
    words = dict.fromkeys(
        ("data_version", "run", "run_page", "model", "version", "decision", "reason", "report", "against"), ""
    )
    rows = dict(
        Summary(metrics=metrics, faces_per_s=None, faces_per_s_overall=None, aliases=(), start="", **words).rows()
    )
    apart = {name: text for name, text in rows.items() if name.startswith("NME, ")}
    assert {"NME, dataset_a": "2.00% of 1 faces", "NME, dataset_b": "3.50% of 2 faces"} == apart
