"""Prefect's server dies in the middle of a retraining, for good: one sentence, and the next retraining goes on without it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import unused_port

pytestmark = pytest.mark.faults

TINY = Path(__file__).parents[1] / "tiny.yaml"
RETRAIN = (sys.executable, "-m", "heatmark", "retrain", "--recipe", "recipes/tiny.yaml")


@pytest.fixture
def project(make_project):
    project = make_project()
    shutil.copy(TINY, project.root / "recipes/tiny.yaml")
    project.edit("recipes/tiny.yaml", ("num_workers: 2", "num_workers: 0"))
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "48", "--size", "128")
    return project


def server(folder: Path) -> tuple[subprocess.Popen, str]:
    """Prefect's server, once it answers, and its address."""
    port = unused_port()
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "PREFECT_HOME": str(folder)}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log, start_new_session=True)
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2).close()
        except OSError:
            assert process.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.5)
        else:
            return process, f"http://127.0.0.1:{port}/api"


def test_what_was_made_is_kept_when_prefects_server_dies_and_the_next_retraining_goes_on(project, tmp_path):
    process, url = server(tmp_path)
    with (project.root / "said").open("w") as said, (project.root / "wrong").open("w") as wrong:
        retraining = subprocess.Popen(
            RETRAIN, cwd=project.root, env=project.environment(PREFECT_API_URL=url), stdout=said, stderr=wrong
        )
    while "ingest: 48 records" not in (project.root / "said").read_text():
        assert retraining.poll() is None, (project.root / "wrong").read_text()
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 1 == retraining.wait(600)
    wrong = (project.root / "wrong").read_text()
    said = r"heatmark: Prefect's server went away \(\w+\): what is said above is done and kept, .*\n"
    assert re.fullmatch(said, wrong), wrong
    # Only the table that Prefect was to keep had nowhere to go.
    assert "promote: promote: the first version" in (project.root / "said").read_text()
    assert [] == project.workers()
    again = project.run(*RETRAIN).stdout
    assert "Stage 'ingest@synthetic' didn't change, skipping" in again
    assert "train: epoch" not in again
    assert "register: heatmark-tiny version 1 is there already" in again
