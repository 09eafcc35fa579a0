"""Which folders of logs and of reproductions may go: those that are old and that nobody uses."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.gc import folders

DAY_S = 24 * 3600


def old(folder: Path, days: float = 2) -> Path:
    folder.mkdir(parents=True)
    (folder / "log").write_bytes(bytes(1000))
    os.utime(folder, times=(time.time() - days * DAY_S,) * 2)
    return folder


@pytest.fixture
def user():
    """Starts a process that uses a folder."""
    started = []

    def start(*words: str, cwd: Path) -> None:
        process = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()", *words], cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        process.stdout.readline()
        started.append(process)

    yield start
    for process in started:
        process.communicate(b"\n")


def test_logs_of_a_ray_go_when_it_has_ended_and_a_day_has_passed(tmp_path, user):
    gone, _, used = old(tmp_path / "session_1"), old(tmp_path / "session_2", days=0.9), old(tmp_path / "session_3")
    (tmp_path / "session_latest").symlink_to(used)
    user(f"--session-dir={used}", cwd=tmp_path)
    (item,) = folders.ray_sessions(tmp_path, tmp_path / "away")
    assert ("session_1", 1000) == (item.name, item.size)
    item.remove()
    assert not gone.exists()
    assert ["session_2", "session_3", "session_latest"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_reproduction_goes_with_its_worktree_when_nobody_works_in_it(tmp_path, user):
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "-C", str(tmp_path / "checkout")]
    (tmp_path / "checkout").mkdir()
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    top = tmp_path / "reproduced"
    for name in ("heatmark-tiny-1", "heatmark-tiny-2"):
        subprocess.run([*git, "worktree", "add", "-q", "--detach", str(top / name)], check=True)
        os.utime(top / name, times=(time.time() - 2 * DAY_S,) * 2)
    user(cwd=top / "heatmark-tiny-2")
    (item,) = folders.reproductions(top, tmp_path / "checkout")
    assert "heatmark-tiny-1" == item.name
    item.remove()
    listed = subprocess.run([*git, "worktree", "list"], capture_output=True, text=True, check=True).stdout
    assert 2 == len(listed.splitlines())
    assert ["heatmark-tiny-2"] == [path.name for path in top.iterdir()]
