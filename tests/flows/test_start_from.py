"""A champion that is trained further by its own recipe: real DVC, MLflow and Prefect, in a copy of the project.

What `train.start_from` names is resolved, laid down, trained from once, and travels with the data.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

from components.model_file import sha256

pytestmark = pytest.mark.slow

RETRAIN = ("python", "-m", "flows.retrain")
TINY = Path(__file__).parents[1] / "tiny.yaml"
MODEL = "heatmark-tiny"
CHAMPION = f"models:/{MODEL}@champion"
# A poor parent, so that its child is sure to be better.
PARENT = (("num_workers: 2", "num_workers: 0"), ("epochs: 6", "epochs: 1"), ("evaluations: 3", "evaluations: 1"))
CHILD = (('start_from: ""', f"start_from: {CHAMPION}"), ("epochs: 1\n", "epochs: 12\n"))


@pytest.fixture(scope="module")
def parent(make_project):
    """A copy with 64 drawn faces, in which version 1 was trained anew."""
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "64", "--size", "128")
    project.edit("params.yaml", *PARENT)
    project.run(*RETRAIN)
    project.parent = project.root / "parent.safetensors"
    shutil.copy(project.root / "artifacts/tiny/model/model.safetensors", project.parent)
    return project


@pytest.fixture(scope="module")
def project(parent):
    """The same, in which version 2 was trained from the champion then."""
    parent.edit("params.yaml", *CHILD)
    parent.said = parent.run(*RETRAIN).stdout
    return parent


def client(project) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db")


def aliases(project) -> dict[str, str]:
    return {name: str(version) for name, version in client(project).get_registered_model(MODEL).aliases.items()}


def lock(project) -> dict:
    return yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]


def noted(project) -> dict:
    return json.loads((project.root / "data/starts/tiny/start.json").read_text())


def test_for_a_model_that_is_trained_anew_nothing_is_laid_down(parent):
    assert {"champion": "1"} == aliases(parent)
    assert not (parent.root / "data/starts").exists()
    assert "start" not in json.loads((parent.root / "artifacts/tiny/model/training.json").read_text())
    assert "started from" not in client(parent).get_model_version(MODEL, "1").description


def test_the_champion_is_laid_down_and_its_child_takes_its_place(project):
    assert {"champion": "2", "previous": "1"} == aliases(project)
    parent = client(project).get_model_version(MODEL, "1")
    assert {
        "asked": CHAMPION,
        "source": f"{MODEL} version 1",
        "run": parent.run_id,
        "key": parent.tags["heatmark.key"],
        "weights_sha256": sha256(project.parent),
        "trained_on": "train",
    } == noted(project)
    assert project.parent.read_bytes() == (project.root / "data/starts/tiny/model.safetensors").read_bytes()
    assert "train: starts from heatmark-tiny version 1 (training " in project.said


def test_the_parent_stands_with_all_that_came_of_the_training(project):
    start = noted(project)
    said = f"{start['source']} (training {start['key']}, weights {start['weights_sha256'][:12]})"
    assert start == json.loads((project.root / "artifacts/tiny/model/training.json").read_text())["start"]
    assert [1, 2] == [
        len(json.loads((project.root / folder / "training.json").read_text())["learnt_from"])
        for folder in ("data/starts/tiny", "artifacts/tiny/model")
    ]
    child = client(project).get_model_version(MODEL, "2")
    assert f"| started from | {said} |" in child.description
    for tags in (child.tags, client(project).get_run(child.run_id).data.tags):
        assert said == tags["start"]
        assert start == {name: tags[f"start.{name}"] for name in start}
    report = (project.root / "reports/tiny/report.html").read_text()
    assert "started from" in report
    assert said in report
    assert "│ started from" in project.said
    depends = json.loads((project.root / "artifacts/tiny/code/train.json").read_text())["files"]
    assert start["weights_sha256"] == depends["data/starts"]


def test_again_with_nothing_new_but_the_alias_nothing_is_trained(project):
    before, start = lock(project), noted(project)
    again = project.run(*RETRAIN).stdout
    assert 4 == again.count("didn't change, skipping")
    assert f"is laid down already: {MODEL} version 2 is its child, and nothing else is new" in again
    assert (before, start) == (lock(project), noted(project))
    assert {"champion": "2", "previous": "1"} == aliases(project)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ((CHAMPION, f"models:/{MODEL}@first"), "has no alias 'first'; it has: @champion, @previous, version 1, version 2"),
        (("width: 16", "width: 8"), "version 2 cannot be trained further by these params: network.width is 16 there and 8 here"),
        (("test_share: 0.25", "test_share: 0.3"), "version 2 has learnt from faces that would be test faces here: ingest.test_share is 0.25 there"),
    ],
    ids=["alias", "network", "test faces"],
)  # fmt: skip
def test_a_start_that_is_not_there_or_does_not_fit_is_refused_before_anything_changes(project, changes, reason):
    shutil.copy(project.root / "params.yaml", project.root / "recipes/other.yaml")
    project.edit("recipes/other.yaml", ("name: tiny", "name: other"), changes)
    before = {name: (project.root / name).read_bytes() for name in ("params.yaml", "data.dvc", "dvc.lock")}
    done = project.run(*RETRAIN, "--recipe", "recipes/other.yaml", check=False)
    assert 1 == done.returncode
    assert reason in done.stderr
    assert before == {name: (project.root / name).read_bytes() for name in before}
    assert not (project.root / "data/starts/other").exists()


def test_a_second_clone_needs_no_registry(project, tmp_path):
    project.run("dvc", "remote", "add", "-d", "store", str(tmp_path / "store"))
    project.run("dvc", "push", "-q")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "dvc.lock, data.dvc, params.yaml and the remote")

    clone = type(project)(tmp_path / "c")
    project.run("git", "clone", "-q", str(project.root), str(clone.root))
    clone.run("dvc", "pull", "-q", "--allow-missing")
    said = clone.run("dvc", "repro").stdout
    skipped = re.findall(r"^Stage '([\w@]+)' didn't change, skipping", said, re.MULTILINE)
    assert ["ingest@synthetic", "preprocess@synthetic", "train", "evaluate"] == skipped
    assert lock(project) == lock(clone)

    trained = type(project)(tmp_path / "t")
    project.run("git", "clone", "-q", str(project.root), str(trained.root))
    trained.run("dvc", "pull", "-q", "data")
    trained.run("dvc", "repro", "-q")
    assert lock(project) == lock(trained)

    shutil.rmtree(trained.root / "data/starts")
    refused = trained.run("dvc", "repro", check=False)
    assert f"train.start_from is {CHAMPION}, but data/starts/tiny is not there" in refused.stdout + refused.stderr
