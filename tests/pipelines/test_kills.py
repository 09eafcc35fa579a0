"""SIGKILL while a checkpoint is written, of DVC, and of Ray's head: the same command goes on, to the very same weights."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from tests.pipelines.conftest import MODEL, STAGE, TRAIN

pytestmark = pytest.mark.faults


def epochs_said(path: Path) -> int:
    return path.read_text().count("train: epoch")


def nobody_is_left(project) -> bool:
    deadline = time.monotonic() + 60  # Ray's processes notice within seconds that their driver is gone
    while project.workers() and time.monotonic() < deadline:
        time.sleep(0.5)
    return project.workers() == []


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(trainable):
    trainable.run(*TRAIN)
    undisturbed = (trainable.root / MODEL).read_bytes()
    (made,) = [path for path in trainable.root.glob("runs/*") if (path / "state.pt").exists()]
    for path in [*made.iterdir(), *(trainable.root / "artifacts/tiny/model").iterdir()]:
        path.unlink()
    with (trainable.root / "said").open("w") as said:
        process = subprocess.Popen(TRAIN, cwd=trainable.root, env=trainable.environment(), stdout=said, stderr=said)
    half = made / ".state.pt.partial"
    while epochs_said(trainable.root / "said") < 2:
        assert process.poll() is None, (trainable.root / "said").read_text()
    while True:
        if half.exists():
            process.send_signal(signal.SIGSTOP)  # so that it is surely in the middle of it
            if half.exists():
                break
            process.send_signal(signal.SIGCONT)
        assert process.poll() is None, (trainable.root / "said").read_text()
    process.kill()
    process.wait()
    assert half.exists()
    again = trainable.run(*TRAIN).stdout
    assert "train: resumed from the checkpoint at step " in again
    assert undisturbed == (trainable.root / MODEL).read_bytes()
    assert not half.exists()


def killed(trainable, victim: Callable[[psutil.Process], psutil.Process]) -> str:
    """Trains as the flow does, kills a process of it in the middle, and sees it end and go on; returns what it said when it ended."""
    trainable.run("dvc", "repro", "--single-item", "code")
    with (trainable.root / "said").open("w") as said:
        process = subprocess.Popen(
            STAGE, cwd=trainable.root, env=trainable.environment(), stdout=said, stderr=subprocess.PIPE, text=True
        )
    while epochs_said(trainable.root / "said") < 3:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    victim(psutil.Process(process.pid)).kill()
    wrong = process.communicate(timeout=300)[1]
    assert nobody_is_left(trainable)
    again = trainable.run(*STAGE).stdout
    assert "train: resumed from the checkpoint at step " in again
    assert (trainable.root / MODEL).is_file()
    return wrong


def dvc_of(stage: psutil.Process) -> psutil.Process:
    (found,) = stage.children()
    return found


def head_of_ray(stage: psutil.Process) -> psutil.Process:
    (found,) = [child for child in stage.children(recursive=True) if child.name() == "gcs_server"]
    return found


def test_when_dvc_is_killed_its_stage_ends_too_and_the_next_one_goes_on(trainable):
    assert killed(trainable, dvc_of).endswith(
        "ValueError: `dvc repro --single-item train` was killed (SIGKILL); the same command again goes on from what was kept\n"
    )


def test_when_ray_s_head_is_killed_the_stage_ends_in_a_sentence_and_the_next_one_goes_on(trainable):
    trainable.edit("params.yaml", ("num_workers: 0", "num_workers: 2"))
    assert killed(trainable, head_of_ray).endswith(
        "ValueError: the head process of this stage's Ray died; the same command again goes on from what was kept\n"
    )


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
