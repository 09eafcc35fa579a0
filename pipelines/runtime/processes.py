"""Worker processes of our own that end with us, however we end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.synchronize import Barrier
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def processes(count: int, begin: Callable[[], None]) -> Iterator[Executor]:
    """Yields a pool of processes, each of which has called `begin`; they are gone when the block ends.

    A Ctrl-C reaches this process alone: the workers end their piece of work, write no traceback, and start no other.

    Raises:
        ValueError: A worker died.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, _begin, (begin, context.Barrier(count)))
    try:
        _start(pool, count)
        yield pool
    except BrokenProcessPool as error:
        raise ValueError("a worker died, perhaps for want of memory: try fewer --workers") from error
    finally:
        pool.shutdown(cancel_futures=True)


def in_order(pool: Executor, work: Callable[[T], R], items: Iterable[T], ahead: int) -> Iterator[R]:
    """The results in the items' order; so many are asked for ahead and no more, since a million waiting take memory.

    Not `pool.map`: when a worker dies it cancels what the pool is about to fail, and Python 3.11's pool breaks on that.
    """
    waiting: deque[Future[R]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _start(pool: Executor, count: int) -> None:
    """Starts all processes at once, with Ctrl-C blocked, which they inherit."""
    resource_tracker.ensure_running()  # started later, by the pool, it would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(count):  # a pool starts one for each piece of work, while none is idle
            pool.submit(os.getpid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(begin: Callable[[], None], barrier: Barrier) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    begin()
    barrier.wait()  # so none is idle before all have started


def _end_with_parent() -> None:
    """Without this a worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
