"""What cannot be done is refused in one sentence before Prefect is started and before anything changes."""

from __future__ import annotations

import os
import time

import pytest

from pipelines.runtime.outputs import alone

HEATMARK = ("python", "-m", "heatmark")
DEAD = "http://127.0.0.1:9/api"  # nobody listens on port 9


@pytest.fixture(scope="module")
def project(make_project):
    """A copy with the demo's params, a folder of another layout beside it, and nothing in data/."""
    project = make_project()
    (project.root / "other").mkdir()
    (project.root / "other/faces.txt").write_text("a.png 1 2\n")
    return project


def state(project) -> dict[str, object]:
    """What must stay: params.yaml, what git says, which folders have which files, and that Prefect has written nothing."""
    folders = [project.root / name for name in ("data", "reports", "artifacts", ".state/prefect")]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    params = (project.root / "params.yaml").stat()
    git = project.run("git", "status", "--short").stdout
    return {"files": files, "git": git, "params": (params.st_mtime_ns, params.st_ino)}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--recipe", "recipes/nope.yaml"), "recipes/nope.yaml: No such file or directory"),
        (("--recipe", "recipes/300w_small.yaml"), "data/300w is missing or empty: `make data` draws faces"),
        (
            ("--recipe", "recipes/300w_small.yaml", "--data", "other"),
            "heatmark: other has no such file; expected pictures with a .pts beside each",
        ),
        (("--data", "other"), "heatmark: other has no such file; expected ibug68.jsonl beside images/"),
        (("--data", "away"), "DATA=away is not a folder"),
    ],
)
def test_wrong_input(project, words, reason):
    before = state(project)
    done = project.run(*HEATMARK, "retrain", *words, check=False)
    assert 1 == done.returncode
    assert 1 == len(done.stderr.splitlines()), done.stderr
    assert reason in done.stderr
    assert before == state(project)


@pytest.mark.parametrize("words", [("retrain",), ("exp", "train.epochs=2")], ids=["retrain", "exp"])
def test_a_second_writer_of_the_workspace(project, words):
    before = state(project)
    with alone(project.root / ".state/retrain.lock", "the test's own"):
        done = project.run(*HEATMARK, *words, check=False)
    expected = "heatmark: a retraining or an experiment is running in this folder: try again when it has ended "
    assert 1 == done.returncode
    assert done.stderr.startswith(f"{expected}(process {os.getpid()}, since "), done.stderr
    assert before == state(project)


@pytest.mark.parametrize("command", ["retrain", "schedule"])
def test_a_prefect_server_that_does_not_answer(project, command):
    before, began = state(project), time.monotonic()
    done = project.run(*HEATMARK, command, check=False, PREFECT_API_URL=DEAD)
    assert 60 > time.monotonic() - began  # seconds, on a machine that has time
    expected = (
        f"heatmark: no Prefect server answers at PREFECT_API_URL={DEAD} (ConnectError): start it, or unset the variable"
    )
    assert (1, 1) == (done.returncode, len(done.stderr.splitlines())), done.stderr
    assert done.stderr.startswith(expected)
    assert before == state(project)


def test_a_ray_cluster_that_does_not_answer(project):
    before = state(project)
    done = project.run(*HEATMARK, "retrain", check=False, RAY_ADDRESS="127.0.0.1:9")
    expected = (
        "heatmark: the Ray cluster RAY_ADDRESS=127.0.0.1:9 does not answer (ConnectionRefusedError): start it, or unset the "
        "variable to work on a Ray of the stages' own\n"
    )
    assert (1, expected) == (done.returncode, done.stderr)
    assert before == state(project)
