"""SIGKILL of DVC, and SIGTERM of a training: one sentence, nothing runs on, and the same command goes on."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

pytestmark = pytest.mark.faults

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


def epochs_said(path: Path) -> int:
    return path.read_text().count("train: epoch")


def nobody_is_left(project) -> bool:
    deadline = time.monotonic() + 60  # Ray's processes notice within seconds that their driver is gone
    while project.workers() and time.monotonic() < deadline:
        time.sleep(0.5)
    return project.workers() == []


def test_when_dvc_is_killed_its_stage_ends_too_and_the_next_one_goes_on(trainable):
    trainable.run("dvc", "repro", "--single-item", "code")
    with (trainable.root / "said").open("w") as said:
        process = subprocess.Popen(
            STAGE, cwd=trainable.root, env=trainable.environment(), stdout=said, stderr=subprocess.PIPE, text=True
        )
    while epochs_said(trainable.root / "said") < 3:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    (dvc,) = psutil.Process(process.pid).children()
    dvc.kill()
    wrong = process.communicate(timeout=60)[1]
    assert wrong.endswith(
        "ValueError: `dvc repro --single-item train` was killed (SIGKILL); the same command again goes on from what was kept\n"
    )
    assert nobody_is_left(trainable)
    again = trainable.run(*STAGE).stdout
    assert "train: resumed from the checkpoint at step " in again
    assert (trainable.root / MODEL).is_file()


def test_a_training_that_is_told_to_end_says_so_and_its_run_ends_as_killed(trainable):
    with (trainable.root / "said").open("w") as said:
        process = subprocess.Popen(
            TRAIN, cwd=trainable.root, env=trainable.environment(), stdout=said, stderr=subprocess.PIPE, text=True
        )
    while epochs_said(trainable.root / "said") < 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.terminate()
    assert "train: stopped\n" == process.communicate(timeout=60)[1]
    assert 130 == process.returncode
    client = MlflowClient(f"sqlite:///{trainable.root}/runs/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("heatmark").experiment_id])
    assert "KILLED" == run.info.status
