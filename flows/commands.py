"""Commands that a task runs, with their output streamed to the terminal and to the flow's log."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from prefect import get_run_logger

from flows.workspace import command_lock
from pipelines.runtime import disk
from pipelines.runtime.environment import ROOT, STATE

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
    "Having any troubles?",
)


GRACE_S = 8
LOOK_S = 0.1
GOES_ON = "; the same command again goes on from what was kept"
# Ray's C++ says this, and ends the process.
RAY_IS_GONE = "Failed to connect to GCS"
# A file, not a pipe: a command whose flow was killed goes on writing, where a pipe without a reader would end it.
OUTPUT = STATE / "command.log"


def say(line: str) -> None:
    """To the terminal and to the flow's log."""
    print(line, flush=True)
    get_run_logger().info(line)


def stream(command: Sequence[str]) -> list[str]:
    """Runs a command in the repository's root; shows each line as it comes, and returns them.

    Raises:
        ValueError: It failed; with the last thing that it said itself.
    """
    said: list[str] = []
    with command_lock() as lock, OUTPUT.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, pass_fds=[lock]
        )
        try:
            for line in map(str.rstrip, lines(process)):
                if line and not any(noise in line for noise in NOISE):
                    said.append(line)
                    say(line)
        except BaseException:
            end_group(process)
            raise
        finally:
            code = process.wait()
    if code < 0:
        end_group(process)  # what it had started, and nobody would record
        raise ValueError(f"`{' '.join(command)}` was killed ({signal.Signals(-code).name}){GOES_ON}")
    if code and any(RAY_IS_GONE in line for line in said):
        raise ValueError(f"the head process of this stage's Ray died{GOES_ON}")
    if code:
        raise ValueError(disk.full("\n".join(said)) or last_word(said) or f"{' '.join(command)} ended with {code}")
    return said


def lines(process: subprocess.Popen) -> Iterator[str]:
    """What a command writes to `OUTPUT`, line by line, until it has ended."""
    with OUTPUT.open(encoding="utf-8", errors="replace") as output:
        begun, ended = "", False
        while not ended:
            ended = process.poll() is not None  # before the last look, after which nothing comes
            for part in output:
                begun += part
                if begun.endswith("\n"):
                    yield begun
                    begun = ""
            if not ended:
                time.sleep(LOOK_S)
        if begun:
            yield begun


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
