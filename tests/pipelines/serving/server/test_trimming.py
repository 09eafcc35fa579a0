"""A server gives memory back while it runs, and no longer."""

from __future__ import annotations

import threading

from pipelines.serving.server import trimming
from pipelines.serving.server.champion import Champion


def test_memory_is_given_back_again_and_again_until_the_server_ends(serving, answering, monkeypatch):
    real, given = trimming.give_back, threading.Semaphore(0)

    def counted() -> None:
        real()
        given.release()

    monkeypatch.setattr(trimming, "give_back", counted)
    monkeypatch.setattr(trimming, "EVERY_S", 0.01)
    before = giving()  # a server that other tests share may run as well
    with serving(Champion("a folder", answering)):
        assert [True] * 3 == [given.acquire(timeout=60) for _ in range(3)]
        (thread,) = giving() - before
    assert not thread.is_alive()


def giving() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name == "gives memory back"}
