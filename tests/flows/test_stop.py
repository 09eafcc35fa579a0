"""Ctrl-C in the middle of a stage, of a retraining or of a schedule: one sentence, and nothing of it runs on."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import unused_port
from tests.flows.test_servers import serving

pytestmark = pytest.mark.faults

TINY = Path(__file__).parents[1] / "tiny.yaml"
RETRAIN = (sys.executable, "-m", "heatmark", "retrain", "--recipe", "recipes/tiny.yaml")


@pytest.fixture
def project(make_project):
    project = make_project()
    shutil.copy(TINY, project.root / "recipes" / "tiny.yaml")
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "48", "--size", "128")
    return project


def ctrl_c(process: subprocess.Popen) -> None:
    """As a terminal sends it: to everybody that it started."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    ("ignored", "stop"), [((), ctrl_c), ((signal.SIGINT, signal.SIGHUP), subprocess.Popen.terminate)]
)
def test_stopping_a_retraining_ends_its_stage_too(project, ignored, stop):
    # A shell starts what is to run in the background with SIGINT ignored, `nohup` with SIGHUP; `kill` sends SIGTERM.
    def as_the_shell_does() -> None:
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    with (project.root / "said").open("w") as said, (project.root / "wrong").open("w") as wrong:
        process = subprocess.Popen(
            RETRAIN, cwd=project.root, env=project.environment(), stdout=said, stderr=wrong, start_new_session=True,
            preexec_fn=as_the_shell_does,
        )  # fmt: skip
        while "ingest: 48 records" not in (project.root / "said").read_text():
            assert process.poll() is None, (project.root / "wrong").read_text()
            time.sleep(0.1)
        stop(process)
        assert 130 == process.wait(60)
    assert "heatmark: stopped\n" == (project.root / "wrong").read_text()
    deadline = time.monotonic() + 60  # Ray's processes notice within seconds that their driver is gone
    while project.workers() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert [] == project.workers()
    assert [] == list((project.root / "artifacts").rglob("*.parquet"))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_runs_of_a_stopped_training_end_as_killed_and_crashed(project, num_workers):
    project.edit("recipes/tiny.yaml", ("num_workers: 2", f"num_workers: {num_workers}"), ("epochs: 6", "epochs: 20000"))
    with (project.root / "said").open("w") as said, (project.root / "wrong").open("w") as wrong:
        process = subprocess.Popen(
            RETRAIN, cwd=project.root, env=project.environment(), stdout=said, stderr=wrong, start_new_session=True
        )
        while "faces are decoded once and kept" not in (project.root / "said").read_text():
            assert process.poll() is None, (project.root / "wrong").read_text()
            time.sleep(0.1)
        time.sleep(5)  # so that it trains
        ctrl_c(process)
        assert 130 == process.wait(60)
    assert "heatmark: stopped\n" == (project.root / "wrong").read_text()
    client = MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("heatmark").experiment_id])
    assert "KILLED" == run.info.status
    with sqlite3.connect(project.root / ".state/prefect/prefect.db") as db:
        assert [("CRASHED",)] == db.execute("SELECT state_type FROM flow_run").fetchall()


def test_stopping_a_schedule_ends_its_runs_and_what_it_started_and_the_server_knows(project):
    words = [sys.executable, "-m", "heatmark", "schedule", "--cron", "* * * * *", "--recipe", "recipes/tiny.yaml"]
    with serving(project, [*words, "--port", str(unused_port())], "shows the runs") as said:
        while "ingest: 48 records" not in said():
            time.sleep(0.2)
    assert said().endswith("heatmark: stopped\n")
    deadline = time.monotonic() + 60
    while project.workers() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert [] == project.workers()

    with sqlite3.connect(project.root / ".state/prefect/prefect.db") as db:
        states = {state for (state,) in db.execute("select state_type from flow_run where run_count > 0")}
    assert {"CRASHED"} == states
