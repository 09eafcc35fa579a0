"""A command that a task runs is ended with all that it started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import psutil
import pytest
from prefect.logging import disable_run_logger

from flows import commands, workspace
from flows.commands import end_group, stream
from pipelines.runtime.environment import ROOT

# Ignores the request to end, starts one that ignores it too, and says when both are there.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "child"])
else:
    print("ready", flush=True)
time.sleep(600)
"""


def test_who_does_not_end_when_asked_is_killed_with_its_children(tmp_path):
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    words = [sys.executable, str(tmp_path / "stubborn.py")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with process.stdout as lines:
        assert "ready\n" == lines.readline()
        end_group(process)
        assert "" == lines.read()  # the pipe is closed when the last of them is gone
    assert -9 == process.wait(10)


@pytest.fixture
def logged(tmp_path, monkeypatch):
    """Commands run here, with a lock and a log of the test's own, outside of a flow."""
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    monkeypatch.setattr(commands, "OUTPUT", tmp_path / "command.log")
    monkeypatch.setattr(workspace, "COMMAND_LOCK", tmp_path / "command.lock")
    with disable_run_logger():
        yield tmp_path


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_lines_are_shown_as_they_come_and_returned(logged, capsys):
    script = "import time; print('one', flush=True); time.sleep(0.3); print('two'); print('three', end='')"
    assert ["one", "two", "three"] == stream(python(script))
    assert "one\ntwo\nthree\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("print('cause'); print('ERROR: failed to reproduce it'); raise SystemExit(1)", "^cause$"),
        ("import os; os.kill(os.getpid(), 9)", r"was killed \(SIGKILL\); the same command again goes on"),
        ("print('E rpc_client: Failed to connect to GCS'); print('more'); raise SystemExit(1)", "^the head process of"),
        ("print('[Errno 28] No space left on device'); print('best NME 5%'); raise SystemExit(1)", "^a disk is full"),
    ],
)
def test_a_command_that_fails_is_one_sentence(logged, script, reason):
    with pytest.raises(ValueError, match=reason):
        stream(python(script))


def test_what_a_killed_command_had_started_is_ended(logged):
    sleeper = "import time; time.sleep(600)"
    script = f"import os, subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {sleeper!r}]).pid, flush=True); os.kill(os.getpid(), 9)"
    with pytest.raises(ValueError, match="was killed"):
        stream(python(script))
    pid = int((logged / "command.log").read_text())
    deadline = time.monotonic() + 10
    while (
        psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_command_whose_flow_is_gone_holds_the_lock_and_goes_on_writing(logged):
    flow = (
        "import os, sys; from pathlib import Path; from prefect.logging import disable_run_logger; from flows import commands, workspace\n"
        "commands.ROOT = Path.cwd(); commands.OUTPUT = Path('command.log'); workspace.COMMAND_LOCK = Path('command.lock')\n"
        "script = \"import time; print('begun', flush=True); time.sleep(15); print('ended', flush=True)\"\n"
        "with disable_run_logger(): commands.stream([sys.executable, '-c', script])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(python(flow), cwd=logged, env=environment, stdout=subprocess.PIPE, text=True)
    with process.stdout as said:
        assert "begun\n" == said.readline()
    process.kill()
    process.wait()
    waited = workspace.left_running()
    assert re.fullmatch(
        r"a killed retraining or experiment has left a command running: waiting for process (\d+), since .*; `kill -- -\1` ends it",
        waited,
    )
    with workspace.command_lock():
        assert "begun\nended\n" == (logged / "command.log").read_text()
