"""A Ray of our own on a machine that is too busy for Ray's own time limits."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import psutil
import pytest
import ray

from pipelines.runtime import cluster


@pytest.fixture
def slow(monkeypatch) -> Callable[[int], list[psutil.Process]]:
    """Makes Ray give up a number of times, as it does after 30 s; and gives the processes that it had begun by then."""

    def make(times: int) -> list[psutil.Process]:
        begun: list[psutil.Process] = []

        def init(**options: object) -> None:
            if len(begun) == times:
                return
            begun.append(psutil.Process(subprocess.Popen(["sleep", "600"]).pid))
            raise Exception(
                "The current node timed out during startup. This could happen because some of the raylet failed"
            )

        monkeypatch.setattr(ray, "is_initialized", lambda: False)
        monkeypatch.setattr(ray, "init", init)
        return begun

    return make


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_it_is_started_again_and_what_had_begun_is_ended(slow, capsys):
    begun = slow(2)
    cluster._start(training_workers=0)
    assert "ray: it did not start in time, since this machine is busy (2 of 3)\n" in capsys.readouterr().out
    assert [False, False] == [process.is_running() for process in begun]


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_after_three_times_it_is_a_sentence(slow):
    begun = slow(3)
    with pytest.raises(ValueError, match="Ray did not start 3 times in a row: this machine is too busy"):
        cluster._start(training_workers=0)
    assert 3 == len(begun)


def test_any_other_error_is_what_it_is(monkeypatch):
    def init(**options: object) -> None:
        raise RuntimeError("no such option")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(RuntimeError, match="no such option"):
        cluster._start(training_workers=0)
