"""The workspace has one writer at a time, and what an experiment did to it is undone."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from flows.workspace import put_back, put_back_left
from pipelines.runtime.environment import ROOT

# Writes params.yaml, says so, and undoes it slowly when it is stopped.
SLOW = """
import sys, time
from pathlib import Path
from flows.apart import one_stop
path = Path(sys.argv[1])
with one_stop():
    try:
        path.write_text("epochs: 2")
        print("ready", flush=True)
        time.sleep(600)
    finally:
        print("stopping", flush=True)
        time.sleep(1)
        path.write_text("epochs: 40")
"""


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    return subprocess.run(["git", *identity, *words], cwd=root, capture_output=True, text=True, check=True).stdout


def files(root: Path) -> dict[str, bytes]:
    """All but git's own, by name."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


@pytest.fixture
def root(tmp_path):
    """A git repository with params.yaml and the numbers of one recipe."""
    (tmp_path / "reports/demo").mkdir(parents=True)
    (tmp_path / "params.yaml").write_bytes(b"epochs: 40  # as it was\r\n")
    (tmp_path / "reports/demo/metrics.json").write_text("{}")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "all")
    return tmp_path


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_files_are_put_back_byte_for_byte_however_the_block_ends(root, error):
    (root / "params.yaml").write_bytes(b"epochs: 41  # not committed\r\n")
    expected = files(root)
    with pytest.raises(error) if error else nullcontext(), put_back(root):
        (root / "params.yaml").write_text("epochs: 2\n")
        (root / "reports/demo/metrics.json").unlink()
        (root / "reports/other").mkdir()
        (root / "reports/other/metrics.json").write_text("{}")
        (root / "dvc.lock").write_text("stages: {}\n")
        if error:
            raise error
    assert expected == files(root)


def test_what_a_killed_one_left_is_put_back_by_the_next_command_and_kept_beside(root, capsys):
    code = "import os, sys; from pathlib import Path; from flows.workspace import put_back; "
    code += "root = Path(sys.argv[1]); block = put_back(root); block.__enter__(); "
    code += "(root / 'params.yaml').write_text('epochs: 2'); (root / 'dvc.lock').write_text('stages: {}'); os.kill(os.getpid(), 9)"
    before = files(root)
    assert -9 == subprocess.run([sys.executable, "-c", code, str(root)], cwd=ROOT, check=False).returncode
    assert "epochs: 2" == (root / "params.yaml").read_text()
    put_back_left(root)
    left = {".state/left_by_experiment/" + name for name in ("params.yaml", "dvc.lock", "reports/demo/metrics.json")}
    assert before == {name: content for name, content in files(root).items() if name not in left}
    assert "epochs: 2" == (root / ".state/left_by_experiment/params.yaml").read_text()
    assert capsys.readouterr().out.startswith(
        "an experiment was killed before it could put the workspace back: that is done now;"
    )
    put_back_left(root)
    assert "" == capsys.readouterr().out


def test_git_is_on_its_branch_again_where_dvc_was_killed_and_left_it(root):
    with put_back(root):
        git(root, "checkout", "-q", "--detach")
    assert "refs/heads/main\n" == git(root, "symbolic-ref", "HEAD")


def test_who_is_on_no_branch_stays_there(root):
    git(root, "checkout", "-q", "--detach")
    with put_back(root):
        pass
    assert "HEAD\n" == git(root, "rev-parse", "--abbrev-ref", "HEAD")


def test_a_second_stop_does_not_disturb_what_the_first_one_has_to_put_in_order(tmp_path):
    words = [sys.executable, "-c", SLOW, str(tmp_path / "params.yaml")]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with process.stdout as lines:
        assert "ready\n" == lines.readline()
        process.terminate()
        assert "stopping\n" == lines.readline()
        process.terminate()
        process.send_signal(2)
        assert process.wait(60)
    assert "epochs: 40" == (tmp_path / "params.yaml").read_text()
