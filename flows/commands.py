"""Commands that a task runs, with their output streamed to the terminal and to the flow's log."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from prefect import get_run_logger

from pipelines.runtime.environment import ROOT

# What the tools print for somebody who types their commands; a flow's reader has no use for it.
NOISE = (
    "core_worker.cc",
    "To track the changes with git",
    "git add ",
    "To enable auto staging",
    "dvc config core.autostage",
    "Use `dvc push`",
    "Updating lock file",
    "Generating lock file",
    "Running stage",
    "> python -m",
    "Verifying data sources",
)


GRACE_S = 5


def say(line: str) -> None:
    """To the terminal and to the flow's log."""
    print(line, flush=True)
    get_run_logger().info(line)


def stream(command: Sequence[str]) -> None:
    """Runs a command in the repository's root; shows each line as it comes.

    Raises:
        ValueError: It failed; with the last thing that it said itself.
    """
    said: list[str] = []
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        for line in map(str.rstrip, process.stdout):
            if line and not any(noise in line for noise in NOISE):
                said.append(line)
                say(line)
    except BaseException:
        end_group(process)
        raise
    finally:
        code = process.wait()
    if code:
        raise ValueError(last_word(said) or f"{' '.join(command)} ended with {code}")


def end_group(process: subprocess.Popen) -> None:
    """Ends a command and all of its group: DVC passes nothing on to the stage that it runs.

    Asked first, so that a stage tidies up; then killed, since Ray listens to nobody while it starts.
    """
    deadline = time.monotonic() + GRACE_S
    with suppress(ProcessLookupError):  # nobody is left
        os.killpg(process.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            process.poll()  # until it is asked for, a dead leader counts as one of its group
            os.killpg(process.pid, 0)
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)


def last_word(lines: Sequence[str]) -> str:
    """The last line that is not DVC's own summing up of a failed stage; its message where there is no other."""
    own = [line for line in lines if not line.startswith("ERROR: failed to reproduce")]
    return own[-1].removeprefix("ERROR: ") if own else ""
