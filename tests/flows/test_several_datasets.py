"""Several datasets in one training, as a user runs it: real Ray, DVC, MLflow and Prefect, in a copy of the project."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from mlflow import MlflowClient

from components.samples import Box
from components.schemes import SCHEMES
from components.synthetic import draw_face

RETRAIN = ("python", "-m", "flows.retrain")
TINY = Path(__file__).parents[1] / "tiny.yaml"
MODEL = "heatmark-tiny"
DATASETS = {
    "drawn": {"reader": "synthetic", "share": 0.5},
    "more": {"reader": "synthetic", "share": 0.25},
    "wflw98": {"reader": "synthetic", "scheme": "wflw98", "share": 0.25, "held_out": False},
}


def write_recipe(project, datasets: dict, **train: object) -> None:
    fields = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    fields["datasets"] = datasets
    fields["train"] |= {"epochs": 2, "evaluations": 1, **train}
    (project.root / "recipes/tiny.yaml").write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def project(make_project):
    """A copy in which a model was trained on three datasets: two that are held out, one of another markup that is not."""
    project = make_project()
    for seed, name in enumerate(DATASETS):
        words = ("--num-faces", "40", "--size", "128", "--seed", str(seed))
        project.run("python", "-m", "pipelines.draw", f"data/{name}", *words)
    write_recipe(project, DATASETS)
    project.first = project.run(*RETRAIN, "--recipe", "recipes/tiny.yaml").stdout
    return project


def rows(project, part: str, name: str) -> list[dict]:
    return [row for path in sorted((project.root / "artifacts/tiny" / part / name).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]  # fmt: skip


def lock(project) -> dict:
    return yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]


def metrics(project) -> dict:
    return json.loads((project.root / "reports/tiny/metrics.json").read_text())


def test_each_dataset_is_read_and_cut_in_a_stage_of_its_own(project):
    expected = [f"{stage}@{name}" for stage in ("ingest", "preprocess") for name in DATASETS]
    assert {"code", "train", "evaluate", *expected} == lock(project).keys()
    deps = {dep["path"] for dep in lock(project)["train"]["deps"]}
    assert {"artifacts/tiny/crops", "artifacts/tiny/code/train.json"} == deps


def test_who_is_not_held_out_only_trains(project):
    table = pq.read_table(project.root / "artifacts/tiny/annotations/wflw98/annotations.parquet")
    assert {"train": 40} == Counter(table.column("split").to_pylist())
    assert not list((project.root / "artifacts/tiny/crops/wflw98").glob("[!t]*"))


def test_its_landmarks_are_on_the_models_markup_and_its_boxes_its_own(project):
    table = pq.read_table(project.root / "artifacts/tiny/crops/wflw98/train-00000-of-00003.parquet")
    row = table.slice(0, 1).to_pylist()[0]
    truth = draw_face(2, 0, 128).landmarks
    mapped = np.reshape(row["landmarks"], (68, 2))
    known = np.isfinite(mapped).all(axis=1)
    assert 30 == known.sum()
    np.testing.assert_allclose(truth["ibug68"][known], mapped[known], atol=1e-4)
    np.testing.assert_allclose(Box.around(truth["wflw98"]), row["box"], atol=1e-4)
    assert SCHEMES["ibug68"].num_landmarks == len(mapped)


def test_those_that_are_held_out_are_measured_apart_and_together(project):
    figures = metrics(project)
    apart = {name: of["num_faces"] for name, of in figures["subsets"].items() if name.startswith("dataset ")}
    assert {"dataset drawn", "dataset more"} == apart.keys()
    assert figures["num_faces"] == sum(apart.values())
    faces = pq.read_table(project.root / "reports/tiny/errors.parquet").column("face").to_pylist()
    assert apart == dict(Counter(f"dataset {face.partition('/')[0]}" for face in faces))
    assert len(faces) == len(set(faces))


def test_summary_report_and_lineage_name_each(project):
    for name in ("drawn", "more"):
        assert re.search(rf"NME, dataset {name} +│ \d", project.first)
    report = (project.root / "reports/tiny/report.html").read_text()
    assert "<th>dataset wflw98</th><td>wflw98 (synthetic, wflw98): 0.25 of each batch, trains only</td>" in report
    client = MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db")
    version = client.get_model_version(MODEL, "1")
    run = client.get_run(version.run_id)
    for name, source in DATASETS.items():
        (read,) = [dep["md5"] for dep in lock(project)[f"ingest@{name}"]["deps"] if dep["path"] == f"data/{name}"]
        use = "held out" if source.get("held_out", True) else "trains only"
        assert (
            f"{read}, {source['share']} of each batch, {use}"
            == version.tags[f"data.{name}"]
            == run.data.tags[f"data.{name}"]
        )
        assert str(source["share"]) == run.data.params[f"datasets.{name}.share"]
        (card,) = client.list_artifacts(version.run_id, f"provenance/{name}")
        assert f"provenance/{name}/card.html" == card.path


def test_again_with_nothing_changed_everything_is_up_to_date(project):
    before = lock(project)
    again = project.run(*RETRAIN).stdout
    assert before == lock(project)
    assert 8 == again.count("didn't change, skipping")
    assert f"{MODEL} version 1 is there already" in again


def test_a_share_trains_and_evaluates_again_but_reads_and_cuts_nothing(project):
    said = project.run("dvc", "repro", "--dry").stdout
    assert "Running stage" not in said.replace("Running stage 'code'", "")
    project.edit(
        "params.yaml",
        ("share: 0.5", "share: 0.4"),
        ("share: 0.25\n    held_out: false", "share: 0.35\n    held_out: false"),
    )
    said = project.run("dvc", "repro", "--dry").stdout
    assert {"code", "train", "evaluate"} == set(re.findall(r"Running stage '([\w@]+)'", said))
    shutil.copy(project.root / "recipes/tiny.yaml", project.root / "params.yaml")


def test_a_dataset_that_left_the_recipe_leaves_nothing_behind(project, make_project):
    """What is trained without it is what a copy trains that never had it: same lock, same key, same weights."""
    without = {"drawn": {"reader": "synthetic", "share": 0.75}, "wflw98": DATASETS["wflw98"]}
    write_recipe(project, without, num_workers=0)
    said = project.run(*RETRAIN, "--recipe", "recipes/tiny.yaml").stdout
    assert "artifacts/tiny/crops/more is of no dataset of tiny, and goes" in said
    assert "Stage 'ingest@drawn' didn't change, skipping" in said
    other = make_project()
    for name in without:
        shutil.copytree(project.root / f"data/{name}", other.root / f"data/{name}")
    write_recipe(other, without, num_workers=0)
    other.run(*RETRAIN, "--recipe", "recipes/tiny.yaml")
    stages = [stage for stage in lock(other) if stage != "code"]
    assert [lock(project)[stage] for stage in stages] == [lock(other)[stage] for stage in stages]
    assert metrics(project) == metrics(other)


def test_data_goes_where_its_name_says_and_nothing_begins_without_all(project, tmp_path):
    before = (project.root / "params.yaml").read_text()
    two = {"drawn": {"reader": "synthetic", "share": 0.75}, "new": {"reader": "synthetic", "share": 0.25}}
    write_recipe(project, two)
    words = (*RETRAIN, "--recipe", "recipes/tiny.yaml")
    shutil.copytree(project.root / "data/more", tmp_path / "faces")
    done = project.run(*words, "--data", str(tmp_path / "faces"), check=False)
    assert f"DATA={tmp_path}/faces: recipe tiny has the datasets drawn, new, so that a folder goes by" in done.stderr
    done = project.run(*words, check=False)
    assert "data/new is missing or empty, and recipe tiny has the datasets drawn, new: put it there" in done.stderr
    assert before == (project.root / "params.yaml").read_text()
    (tmp_path / "faces").rename(tmp_path / "new")
    said = project.run(*words, "--data", str(tmp_path / "new")).stdout
    assert f"data: {tmp_path}/new is now data/new" in said
    assert (project.root / "artifacts/tiny/crops/new").is_dir()
