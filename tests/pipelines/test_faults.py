"""SIGKILL of a training worker, and of the driver, in the middle of an epoch: training goes on from the last checkpoint,
in the same MLflow run, to the very weights that an undisturbed training gives."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient
from safetensors.numpy import load_file

pytestmark = pytest.mark.faults

TINY = Path(__file__).parents[1] / "tiny.yaml"
TRAIN = ("python", "-m", "pipelines.train", "artifacts/tiny/crops", "artifacts/tiny/model", "reports/tiny/curves.csv")
# So many steps that there is time to kill something between the first checkpoint and the end.
STEPS = (("epochs: 6", "epochs: 120"), ("evaluations: 3", "evaluations: 12"))


@pytest.fixture(scope="module")
def undisturbed(make_project, drawn_crops):
    """A project with crops of drawn faces, and its model, trained by two Ray workers without a fault."""
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    project.edit("params.yaml", *STEPS)
    shutil.copytree(drawn_crops, project.root / "artifacts/tiny/crops")
    project.run(*TRAIN)
    return project


@pytest.fixture
def fresh(undisturbed, make_project):
    """The same crops and params, with nothing trained yet."""
    project = make_project()
    shutil.copy(undisturbed.root / "params.yaml", project.root / "params.yaml")
    shutil.copytree(undisturbed.root / "artifacts/tiny/crops", project.root / "artifacts/tiny/crops")
    return project


def start(project) -> subprocess.Popen:
    """Starts the training; returns when its third evaluation is said: the first checkpoint is then surely registered."""
    process = subprocess.Popen(
        TRAIN, cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if sum(earlier.startswith("train: epoch") for earlier in said) == 3:
            return process
    raise AssertionError("".join(said))


def training_workers(driver: int) -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process(driver).children(recursive=True)
        if "RayTrainWorker" in "".join(process.cmdline())
    ]


def assert_same_training(one, other) -> None:
    """Equal weights, equal curves, and one finished MLflow run each."""
    weights = [load_file(project.root / "artifacts/tiny/model/model.safetensors") for project in (one, other)]
    assert {name: value.tobytes() for name, value in weights[0].items()} == {
        name: value.tobytes() for name, value in weights[1].items()
    }
    curves = [(project.root / "reports/tiny/curves.csv").read_text() for project in (one, other)]
    assert curves[0] == curves[1]
    for project in (one, other):
        client = MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db")
        runs = client.search_runs([client.get_experiment_by_name("heatmark").experiment_id])
        assert [run.info.status for run in runs] == ["FINISHED"]
        steps = [metric.step for metric in client.get_metric_history(runs[0].info.run_id, "val_nme")]
        assert sorted(set(steps)) == sorted(steps)
        assert len(steps) == 12


def test_a_killed_worker_is_replaced_and_training_goes_on(undisturbed, fresh):
    process = start(fresh)
    victim = training_workers(process.pid)[-1]
    os.kill(victim.pid, signal.SIGKILL)
    rest = process.communicate(timeout=300)[0]
    assert process.returncode == 0, rest
    assert re.search(r"train: resumed from the checkpoint at step [1-9]", rest), rest
    assert_same_training(undisturbed, fresh)


def test_after_a_killed_driver_the_same_command_goes_on(undisturbed, fresh):
    process = start(fresh)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (fresh.root / "artifacts/tiny/model").exists()
    again = fresh.run(*TRAIN).stdout
    assert "this training has a run already; going on from its last checkpoint" in again
    assert re.search(r"train: resumed from the checkpoint at step [1-9]", again), again
    assert_same_training(undisturbed, fresh)
