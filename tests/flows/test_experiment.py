"""`heatmark exp` beside a retraining, stopped, failed and done: real DVC, git and Prefect, in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.faults

TINY = Path(__file__).parents[1] / "tiny.yaml"
HEATMARK = (sys.executable, "-m", "heatmark")
EXPERIMENT = (*HEATMARK, "exp", "train.epochs=20000")  # it ends when it is stopped
BUSY = r"heatmark: a retraining or an experiment is running in this folder: try again when it has ended \(process \d+, since .*\)\n"
TRACKED = ("params.yaml", "dvc.lock", "reports/tiny/metrics.json")


@pytest.fixture(scope="module")
def project(make_project):
    """A copy in which DVC has trained a tiny model in one process, and all of it is committed."""
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    # A comment, and quotes that DVC would write otherwise: bytes that only a copy brings back.
    project.edit("params.yaml", ("num_workers: 2", "num_workers: 0  # one process"))
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "48", "--size", "128")
    project.run("dvc", "add", "-q", "data")
    project.run("dvc", "repro", "-q")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "trained")
    return project


def state(project) -> dict[str, object]:
    """What an experiment may not change: files, what git says of them and of its branch, and DVC of its outputs."""
    files = {name: (project.root / name).read_bytes() for name in TRACKED}
    model = (project.root / "artifacts/tiny/model/model.safetensors").read_bytes()
    git = [project.run("git", *words).stdout for words in (["status", "--short"], ["symbolic-ref", "HEAD"])]
    return {**files, "model": model, "git": git}


def begin(project, command: tuple[str, ...], until: str) -> subprocess.Popen:
    """Starts a command as a terminal does, in a group of its own; returns when it has said something."""
    with (project.root / ".state/said").open("w") as said:
        process = subprocess.Popen(
            command, cwd=project.root, env=project.environment(), stdout=said, stderr=said, start_new_session=True
        )
    wait(project, process, until)
    return process


def said(project) -> str:
    return (project.root / ".state/said").read_text()


def wait(project, process: subprocess.Popen, until: str) -> None:
    while until not in said(project):
        assert process.poll() is None, said(project)
        time.sleep(0.1)


def ctrl_c(process: subprocess.Popen) -> None:
    """As a terminal sends it: to everybody that it started."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize("stop", [ctrl_c, subprocess.Popen.terminate], ids=["ctrl-c", "kill"])
def test_a_stopped_experiment_leaves_the_workspace_as_it_was_and_nothing_running(project, stop):
    before = state(project)
    process = begin(project, EXPERIMENT, "steps of 8 faces")
    assert before["params.yaml"] != (project.root / "params.yaml").read_bytes()
    stop(process)
    assert 130 == process.wait(90)
    assert said(project).endswith("heatmark: stopped\n")
    assert before == state(project)
    assert [] == project.workers()


def test_a_retraining_is_refused_while_an_experiment_runs(project):
    process = begin(project, EXPERIMENT, "steps of 8 faces")
    changed = (project.root / "params.yaml").read_bytes()
    refused = project.run(*HEATMARK, "retrain", check=False)
    assert 1 == refused.returncode
    assert re.fullmatch(BUSY, refused.stderr), refused.stderr
    assert changed == (project.root / "params.yaml").read_bytes()
    ctrl_c(process)
    assert 130 == process.wait(90)


def test_an_experiment_is_refused_while_a_retraining_runs(project):
    before = state(project)
    process = begin(project, (*HEATMARK, "retrain"), "data: version")
    refused = project.run(*EXPERIMENT, check=False)
    assert 1 == refused.returncode
    assert re.fullmatch(BUSY, refused.stderr), refused.stderr
    assert before["params.yaml"] == (project.root / "params.yaml").read_bytes()
    ctrl_c(process)
    assert 130 == process.wait(90)
    project.run("dvc", "checkout", "-q", "dvc.yaml")


def test_a_failed_experiment_leaves_the_workspace_as_it_was(project):
    before = state(project)
    failed = project.run(*HEATMARK, "exp", "train.lr=-1", check=False)
    assert 1 == failed.returncode
    assert "params.yaml: train.lr: Input should be greater than 0" in failed.stderr
    assert failed.stderr.endswith("heatmark: dvc exp run -S train.lr=-1 ended with 255\n")
    assert before == state(project)


def test_a_finished_experiment_is_kept_by_dvc_and_not_in_the_workspace(project):
    before = state(project)
    done = project.run(*HEATMARK, "exp", "train.epochs=2").stdout
    assert "exp: params.yaml is as it was before; `dvc exp apply NAME` brings an experiment into it" in done
    assert before == state(project)
    shown = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    (experiment,) = [exp for rev in shown for exp in rev.get("experiments") or []]
    name, data = experiment["revs"][0]["name"], experiment["revs"][0]["data"]
    assert 2 == data["params"]["params.yaml"]["data"]["train"]["epochs"]

    project.run("dvc", "exp", "apply", name)
    assert 2 == yaml.safe_load((project.root / "params.yaml").read_text())["train"]["epochs"]
    applied = json.loads((project.root / "reports/tiny/metrics.json").read_text())
    assert data["metrics"]["reports/tiny/metrics.json"]["data"]["nme"] == applied["nme"]
    project.run("git", "checkout", "-q", ".")
    project.run("dvc", "checkout", "-q", "dvc.yaml")


def test_dvc_records_no_training_whose_params_were_edited_while_it_ran(project):
    process = begin(project, ("dvc", "repro", "--single-item", "-f", "train"), "train: ")
    project.edit("params.yaml", ("epochs: 6", "epochs: 7"))
    assert 255 == process.wait(120)
    assert "train: params.yaml has changed since this stage read it" in said(project)
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]["train"]["params"]["params.yaml"]
    assert 6 == lock["train.epochs"]

    again = project.run("dvc", "repro", "--single-item", "train").stdout
    assert "epoch 7/7" in again
    assert "cached" not in again
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]["train"]["params"]["params.yaml"]
    assert 7 == lock["train.epochs"]
    project.run("git", "checkout", "-q", ".")
