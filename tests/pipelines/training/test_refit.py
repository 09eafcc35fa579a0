"""Refit: once the schedule is chosen, the validation faces train as well; what was fitted on them stays the first one's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient
from safetensors.numpy import load_file

from components.model import LandmarkModel

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[2] / "tiny.yaml"
TRAIN = ("python", "-m", "pipelines.train", "artifacts/tiny/crops", "artifacts/tiny/model", "reports/tiny/curves.csv")
CODEC = {"name": "subpixel", "stride": 4, "sigma": 1.0, "window": 5, "temperature": 10.0}
MODEL = "artifacts/tiny/model"


def params(refit: bool) -> dict:
    fields = yaml.safe_load(TINY.read_text())
    fields["codec"] = CODEC
    fields["train"].update(
        epochs=4, evaluations=4, num_workers=0, fit_temperature=True, fit_mirror_offset=True, refit=refit
    )
    return fields


@pytest.fixture(scope="module")
def project(make_project):
    """A project with crops of drawn faces, trained without refit into `plain`, and then with it."""
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "48", "--size", "128")
    project.run("python", "-m", "pipelines.ingest", "data/synthetic", "artifacts/tiny/annotations/synthetic")
    places = ("artifacts/tiny/annotations/synthetic", "data/synthetic", "artifacts/tiny/crops/synthetic")
    project.run("python", "-m", "pipelines.preprocess", *places)
    for refit in (False, True):
        (project.root / "params.yaml").write_text(yaml.safe_dump(params(refit)))
        project.said = project.run(*TRAIN).stdout
        if not refit:
            (project.root / MODEL).rename(project.root / "plain")
            shutil.copy(project.root / "reports/tiny/curves.csv", project.root / "plain.csv")
    return project


def facts(folder: Path) -> dict:
    return json.loads((folder / "training.json").read_text())


def test_the_second_training_ends_where_the_first_was_best_and_says_so(project):
    first, second = facts(project.root / "plain"), facts(project.root / MODEL)
    assert ("train", "train and val") == (first["trained_on"], second["trained_on"])
    share = first["best_step"] / first["steps"]
    num_faces = int(project.said.split("steps, of ")[1].split()[0])
    total = 4 * num_faces // 8  # epochs and faces of a step
    assert second["refit_steps"] == min(
        (total * i // 4 for i in (1, 2, 3, 4)), key=lambda step: abs(step - share * total)
    )
    assert f"train: refit: epoch {4 * second['refit_steps'] / total:.4g}/4, loss" in project.said


def test_its_weights_are_the_models_and_everything_else_is_the_first_ones(project):
    first, second = project.root / "plain", project.root / MODEL
    weights = [load_file(folder / "model.safetensors") for folder in (first, second)]
    assert weights[0].keys() == weights[1].keys()
    assert any((value != weights[1][name]).any() for name, value in weights[0].items())
    assert LandmarkModel.load(first).config == LandmarkModel.load(second).config  # with temperature and offset
    assert "train: along x, validation landmarks minus answers are " in project.said
    for name in ("best_step", "val_nme", "steps", "val_nme_by_temperature", "mirror_offset"):
        assert facts(first)[name] == facts(second)[name]
    assert (project.root / "plain.csv").read_text() == (project.root / "reports/tiny/curves.csv").read_text()


def test_the_run_has_its_tag_and_its_curve_beside_the_first_ones(project):
    client = MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("heatmark").experiment_id])
    (run,) = [run for run in found if run.data.tags["trained_on"] == "train and val"]
    assert {"loss", "refit_loss", "val_nme"} <= run.data.metrics.keys()
    assert "refit_val_nme" not in run.data.metrics
    assert "True" == run.data.params["train.refit"]


def test_it_goes_on_from_its_own_checkpoints(project):
    expected = (project.root / MODEL / "model.safetensors").read_bytes()
    key = facts(project.root / MODEL)["key"]
    for gone in ([], [f"runs/{key}-refit"]):
        for folder in (MODEL, *gone):
            shutil.rmtree(project.root / folder)
        said = project.run(*TRAIN).stdout
        # The first training is not done again.
        assert "train: epoch" not in said
        assert bool(gone) == ("train: refit: epoch" in said)
        assert expected == (project.root / MODEL / "model.safetensors").read_bytes()
