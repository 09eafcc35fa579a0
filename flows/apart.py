"""Work that a Ctrl-C reaches alone, not its helpers, and once: they are needed to end it well, and so is time."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def go_apart() -> None:
    """Goes on in a child with a session of its own; this process only waits for it, and ends as it ends.

    A terminal sends a Ctrl-C to everybody it started. Prefect's own server would end with it, and Prefect would wait
    for that server without an end to tell it that the run was stopped. So whatever stops this process is handed on as one
    Ctrl-C to the child alone, which ends its stage, tells the server, and ends the server last.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # until there is somebody to hand them on to
    child = os.fork()
    if child == 0:
        os.setsid()
        for number in STOPS:  # what was started with `nohup` or `&` was told to ignore some of them
            signal.signal(number, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        return

    def hand_on(number: int, frame: FrameType | None) -> None:
        os.kill(child, signal.SIGINT)

    for number in STOPS:
        signal.signal(number, hand_on)
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        # Its server, which nobody would end any more; its stage has a session of its own.
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGTERM)
        raise ValueError(
            f"its process was killed ({signal.Signals(-code).name}); a stage that it had begun goes on, and the same command waits for it"
        )
    sys.exit(code)


@contextmanager
def one_stop() -> Iterator[None]:
    """Within the block a Ctrl-C, a `kill` or a hang-up is a KeyboardInterrupt, once: then there is something to put in order."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    # `nohup` means what it says. A Ctrl-C counts even where a shell in the background has it ignored: children that are to be
    # ended by one would ignore it with us.
    taken = [number for number in STOPS if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Whatever would stop this process waits for the end of the block."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
