"""Workers that a Ctrl-C does not reach, and whose death is a sentence."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from pipelines.runtime.processes import in_order, processes


def test_ctrl_c_is_held_off_every_worker_and_not_off_us() -> None:
    with processes(3, os.getpid) as pool:
        pool.submit(os.getpid).result()
        assert 3 == len(blocked_by_workers())
        assert all(signals >> (signal.SIGINT - 1) & 1 for signals in blocked_by_workers())
    assert set() == signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert [] == blocked_by_workers()


def blocked_by_workers() -> list[int]:
    """The signals that each of our workers blocks, as bits."""
    words = ["ps", "-ww", "-o", "blocked=,command=", "--ppid", str(os.getpid())]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0], 16) for line in listed.splitlines() if "spawn_main" in line]


def test_a_dead_worker_is_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"^a worker died, perhaps for want of memory: try fewer --workers$"):  # noqa: SIM117
        with processes(2, os.getpid) as pool:
            pool.submit(os._exit, 1).result()


def test_a_worker_s_own_error_is_the_caller_s() -> None:
    with pytest.raises(FileNotFoundError), processes(1, os.getpid) as pool:
        pool.submit(os.stat, "nowhere").result()


def test_results_come_in_the_order_of_the_items_and_few_are_asked_for_ahead() -> None:
    taken = []

    def items():
        for number in range(7):
            taken.append(number)
            yield -number

    with processes(2, os.getpid) as pool:
        results = in_order(pool, abs, items(), ahead=3)
        assert 0 == next(results)
        assert [0, 1, 2] == taken
        assert [1, 2, 3, 4, 5, 6] == list(results)
