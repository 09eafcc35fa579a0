"""Whose code runs: the checkout's that one works in, in this process and in Ray's workers, whichever is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.runtime.environment import ROOT, find_checkout

# Says where the code of a Ray worker is from, and what it takes for its root.
WORKER = '''
import ray.data
from pipelines.runtime import cluster

def tell(row):
    import components
    from pipelines.runtime import environment
    return {"code": components.__path__[0], "root": str(environment.ROOT), "marker": getattr(environment, "MARKER", "none")}

def main(errors, out=None):
    """Stands in for a command of the copy."""
    import pipelines.runtime.environment as environment
    with cluster.connected():
        told = ray.data.range(1).map(tell).take_all()[0]
    print("driver", environment.MARKER)
    print("worker", told["marker"], told["code"], told["root"])
'''


@pytest.fixture(scope="module")
def marked(project):
    """A copy whose code says that it is the copy's."""
    path = project.root / "pipelines/runtime/environment.py"
    path.write_text(path.read_text() + '\n\nMARKER = "the copy"\n')
    (project.root / "pipelines/rescore.py").write_text(WORKER)
    (project.root / "recipes/below").mkdir()
    return project


def installed(*words: str, cwd: Path, project, **extra: str) -> subprocess.CompletedProcess[str]:
    """Runs `heatmark` as the script of an installed checkout does: its code is this one's, wherever one stands."""
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from heatmark.cli import main; main()"
    env = project.environment(**extra)
    words = (sys.executable, "-P", "-c", script, *words)
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)


def test_the_checkout_is_the_nearest_from_the_working_directory_upwards(marked, tmp_path, monkeypatch):
    monkeypatch.delenv("HEATMARK_ROOT", raising=False)
    for folder in (marked.root, marked.root / "recipes/below"):
        monkeypatch.chdir(folder)
        assert marked.root.resolve() == find_checkout()
    monkeypatch.chdir(tmp_path)
    assert find_checkout() is None
    monkeypatch.setenv("HEATMARK_ROOT", str(marked.root))
    assert marked.root.resolve() == find_checkout()
    monkeypatch.setenv("HEATMARK_ROOT", str(marked.root / "recipes"))  # what is named is not looked for upwards
    assert find_checkout() is None


def test_another_folder_with_a_dvc_yaml_is_no_checkout(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n')
    monkeypatch.chdir(tmp_path)
    assert find_checkout() is None


def test_in_a_second_copy_driver_and_ray_workers_run_the_copy_s_code(marked):
    done = installed("rescore", "x", cwd=marked.root / "recipes/below", project=marked)
    assert 0 == done.returncode, done.stderr
    root = marked.root.resolve()
    assert "driver the copy" in done.stdout
    assert f"worker the copy {root}/components {root}" in done.stdout


def test_named_by_root_the_copy_s_code_runs_from_anywhere(marked, tmp_path):
    done = installed("--root", os.path.relpath(marked.root, tmp_path), "--version", cwd=tmp_path, project=marked)
    assert done.stdout.endswith(f"({marked.root.resolve()})\n")
    assert installed("--version", cwd=ROOT, project=marked).stdout.endswith(f"({ROOT})\n")


def test_a_checkout_without_this_command_is_refused(marked):
    door = marked.root / "heatmark"
    door.rename(marked.root / "away")
    done = installed("rescore", "x", cwd=marked.root, project=marked)
    (marked.root / "away").rename(door)
    assert 1 == done.returncode
    assert done.stderr == (
        f"heatmark: {marked.root.resolve()} is not the checkout that is installed here ({ROOT}), "
        "and its code cannot be started\n"
    )


def test_a_process_that_is_not_what_it_was_started_for_starts_no_other(marked):
    done = installed("rescore", "x", cwd=marked.root, project=marked, HEATMARK_STARTED_FOR=str(marked.root.resolve()))
    assert 1 == done.returncode
    assert "its code cannot be started" in done.stderr
