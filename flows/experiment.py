"""One DVC experiment: changed parameters, the stages that they reach, and the comparison."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from flows.apart import one_stop
from flows.commands import end_group
from flows.compared import show
from flows.workspace import command_lock, only_writer, put_back
from pipelines.runtime.environment import require_checkout

PATIENCE_S = 30


def override(change: str) -> str:
    """A change as DVC takes it: by Hydra's rules a name in a path begins with a letter, and a dataset may be called 300w.

    >>> override("train.lr=0.001"), override("datasets.300w.share=0.5")
    ('train.lr=0.001', 'datasets={300w:{share:0.5}}')
    """
    named = re.fullmatch(r"datasets\.([^.=]+)\.([^.=]+)=(.*)", change)
    return f"datasets={{{named[1]}:{{{named[2]}:{named[3]}}}}}" if named else change


def main(changes: list[str]) -> None:
    """Runs `dvc exp run` with CHANGES, each KEY=VALUE of params.yaml, and shows what differs.

    DVC keeps the experiment, but leaves its parameters in params.yaml too, half done or done, and the next retraining would
    promote by them. So the workspace is put back as it was, however this ends; `dvc exp apply` brings an experiment into it.

    Raises:
        ValueError: A change that is none, a retraining is running, or DVC failed, after it said why.
    """
    root = require_checkout()
    wrong = [change for change in changes if not change.partition("=")[1]]
    if wrong:
        raise ValueError(f"{wrong[0]!r}: expected KEY=VALUE, as train.lr=0.001")
    settings = [word for change in changes for word in ("-S", override(change))]
    with only_writer(), one_stop(), put_back(root):
        run(["dvc", "exp", "run", *settings], root)
    print("exp: params.yaml is as it was before; `dvc exp apply NAME` brings an experiment into it", flush=True)
    show(root)


def run(command: Sequence[str], root: Path) -> None:
    """Runs DVC apart from the terminal's Ctrl-C, which it is told of by us.

    Raises:
        ValueError: It failed, after it said why.
    """
    with command_lock() as lock:
        process = subprocess.Popen(command, cwd=root, start_new_session=True, pass_fds=[lock])
        try:
            code = process.wait()
        except BaseException:
            end(process)
            raise
    if code:
        raise ValueError(f"{' '.join(command)} ended with {code}")


def end(process: subprocess.Popen) -> None:
    """Ends DVC and its stage as a Ctrl-C does, which lets DVC take its own marks off git; by force, if that takes too long."""
    with suppress(ProcessLookupError):  # nobody is left
        os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_S)
    end_group(process)
    process.wait()
