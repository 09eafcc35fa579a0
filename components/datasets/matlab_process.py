"""The one process that parses `.mat` files for this one: started at the first file, replaced when it has died.

A file can crash its parser, and would take a whole stage with it. So files are parsed apart, in `matlab_child`, and a
crash is an answer like any other. The process ends with this one, whatever ends it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from components.datasets import matlab_child


class Parser:
    """Asks the child, one question at a time, from any thread; after a fork each process has a child of its own.

    Args:
        script: What the child runs.
    """

    def __init__(self, script: str = matlab_child.__file__) -> None:
        self._script = script
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._unused = True

    def ask(self, question: str, path: Path, **details: object) -> dict[str, Any]:
        """The answer of one of `matlab_child.ASKED`.

        Args:
            question: The function's key there.
            path: Of the file, absolute: the child stays in the folder that it was started in.
            details: The function's other arguments.

        Returns:
            What the function gives, its arrays under "arrays"; of a file that failed only "error", its parser's words,
            or "refused", a sentence that says it all.

        Raises:
            RuntimeError: There is no parser: the child does not start.
        """
        request = {"ask": question, "path": str(path), **details}
        with self._lock:
            answer, unused = self._asked(request)
            if "found" not in answer and not unused:
                # Nothing is refused for what an earlier file has left in the worker's memory.
                answer, _ = self._asked(request)
        return answer

    def _asked(self, request: dict[str, object]) -> tuple[dict[str, Any], bool]:
        """The answer, and whether it is the first of a worker."""
        process, unused = self._started(), self._unused
        try:
            _write(process, json.dumps(request).encode() + b"\n")
            answer = _receive(process)
        except (EOFError, BrokenPipeError):
            self.end()
            return {"refused": "its parser ended without an answer: damaged"}, unused
        except BaseException:  # an interrupt, with half an answer read
            self.end()
            raise
        self._unused = "found" not in answer
        return answer, unused

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = [sys.executable, "-P", self._script]  # -P: its neighbours are no modules of its own
            self._process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # it forks
                start_new_session=True,  # the terminal's Ctrl-C is for us
            )
            self._unused = True
            try:
                _receive(self._process)
            except EOFError:
                self.end()
                raise RuntimeError(f"no parser of .mat files; to see why: {' '.join(command)} < /dev/null") from None
            except BaseException:
                self.end()
                raise
        return self._process

    def end(self) -> None:
        """Ends the child, which keeps nothing; the next question starts another."""
        process, self._process = self._process, None
        if process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            _close(process)
            process.wait()

    def forget(self) -> None:
        """In a forked process: leaves the child to the one that has started it."""
        process, self._process, self._lock = self._process, None, threading.Lock()
        if process:
            _close(process)  # or the child would outlive its owner
            process.returncode = 0  # not ours to wait for


def _write(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin
    rest = memoryview(data)
    while rest:
        rest = rest[process.stdin.write(rest) :]


def _receive(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """One answer, as `matlab_child` frames it.

    Raises:
        EOFError: The child has ended.
    """
    answer = json.loads(_read(process, int.from_bytes(_read(process, 8), "big")))
    arrays = {}
    for name, dtype, shape in answer["arrays"]:
        kind = np.dtype(dtype)
        data = _read(process, kind.itemsize * math.prod(shape))
        arrays[name] = np.frombuffer(data, kind).reshape(shape)
    return {**answer, "arrays": arrays}


def _read(process: subprocess.Popen[bytes], count: int) -> bytearray:
    assert process.stdout
    data = bytearray(count)
    rest = memoryview(data)
    while rest:
        got = process.stdout.readinto(rest)  # type: ignore[attr-defined]
        if not got:
            raise EOFError
        rest = rest[got:]
    return data


def _close(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    process.stdout.close()


PARSER = Parser()
os.register_at_fork(after_in_child=PARSER.forget)
atexit.register(PARSER.end)
