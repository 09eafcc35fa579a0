"""Work that a Ctrl-C reaches alone, and not its helpers: they are needed to end it well."""

from __future__ import annotations

import os
import signal
import sys
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
    sys.exit(code if code >= 0 else 128 - code)
