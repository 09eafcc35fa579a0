"""A command that a task runs is ended with all that it started."""

from __future__ import annotations

import subprocess
import sys

from flows.commands import end_group

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
