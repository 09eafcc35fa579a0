"""Ctrl-C in the middle of a stage: one sentence, exit code 130, and nothing of it runs on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
