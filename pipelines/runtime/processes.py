"""Worker processes of our own that end with us, however we end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager


@contextmanager
def processes(count: int, begin: Callable[[], None]) -> Iterator[Executor]:
    """Yields a pool of processes, each of which has called `begin`; they are gone when the block ends.

    A Ctrl-C reaches this process alone: the workers end their piece of work, write no traceback, and start no other.

    Raises:
        ValueError: A worker died.
    """
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin, (begin,))
    try:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # processes inherit what is blocked
        try:
            pool.submit(os.getpid)  # the first piece of work starts them all
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield pool
    except BrokenProcessPool as error:
        raise ValueError("a worker died, perhaps for want of memory: try fewer --workers") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(begin: Callable[[], None]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    begin()


def _end_with_parent() -> None:
    """Without this a worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
