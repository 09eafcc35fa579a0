"""SIGKILL of a flow in the middle of a training: the training goes on, and the next retraining waits for it and uses it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.faults

TINY = Path(__file__).parents[1] / "tiny.yaml"
RETRAIN = (sys.executable, "-m", "heatmark", "retrain", "--recipe", "recipes/tiny.yaml")


@pytest.fixture
def project(make_project):
    project = make_project()
    shutil.copy(TINY, project.root / "recipes/tiny.yaml")
    project.edit("recipes/tiny.yaml", ("num_workers: 2", "num_workers: 0"), ("epochs: 6", "epochs: 200"))
    project.edit("recipes/tiny.yaml", ("evaluations: 3", "evaluations: 12"))
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "48", "--size", "128")
    return project


def test_the_training_of_a_killed_flow_is_waited_for_and_not_made_again(project):
    with (project.root / "said").open("w") as said:
        process = subprocess.Popen(
            RETRAIN, cwd=project.root, env=project.environment(), stdout=said, stderr=subprocess.PIPE, text=True
        )
    while "train: epoch" not in (project.root / "said").read_text():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    (flow,) = psutil.Process(process.pid).children()
    flow.kill()
    wrong = process.communicate(timeout=60)[1]
    assert wrong.endswith(
        "heatmark: its process was killed (SIGKILL); a stage that it had begun goes on, and the same command waits for it\n"
    )
    again = project.run(*RETRAIN).stdout
    waited = re.search(
        r"(?m)^a killed retraining or experiment has left a command running: waiting for process (\d+), since \d+-\d+-\d+ \d+:\d+ "
        r"\(.*dvc repro --single-item train\); `kill -- -\1` ends it$",
        again,
    )
    assert waited, again
    assert "Stage 'train' didn't change, skipping" in again
    assert "train: epoch" not in again
    assert "register: heatmark-tiny version 1 is new" in again
    deadline = time.monotonic() + 60
    while project.workers() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert [] == project.workers()
