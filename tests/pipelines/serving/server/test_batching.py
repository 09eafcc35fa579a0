"""Batches, the full queue, time, and what becomes of requests when the model fails or changes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from pipelines.serving.model import Model
from pipelines.serving.server import answer as slots
from pipelines.serving.server import batching, predicting
from pipelines.serving.server.answer import Answer
from pipelines.serving.server.answering import Answering
from pipelines.serving.server.batching import BATCH_FACES, Batching
from pipelines.serving.server.champion import Champion
from pipelines.serving.server.refusal import Refusal

BOX = np.array([[20.0, 24.5, 101.0, 110.0]])


class Held(Model):
    """A model that computes when it is let: its batches wait for a word."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.network)
        self.begun, self.word = threading.Semaphore(0), threading.Semaphore(0)

    def find(self, pictures, boxes=None):
        self.begun.release()
        self.word.acquire()
        return super().find(pictures, boxes)


def put(thread: Batching, picture: np.ndarray, boxes: np.ndarray) -> Answer:
    """A picture into the queue of a thread, and where its answer goes."""
    answer = Answer()
    thread.put(picture, boxes, answer)
    return answer


@pytest.fixture
def held(answering) -> Answering:
    return answering._replace(model=Held(answering.model))


@contextmanager
def released(held: Answering) -> Iterator[None]:
    """Lets the model compute when the block ends, however it does: a server waits for it before it ends."""
    try:
        yield
    finally:
        held.model.word.release(99)


@pytest.fixture
def batches(held):
    """The thread, and the sizes of the batches that it has computed; what it is asked first is being computed."""
    sizes: list[int] = []
    thread = Batching(lambda: held, sizes.append)
    thread.start()
    yield SimpleNamespace(thread=thread, sizes=sizes, model=held.model)
    held.model.word.release(99)
    thread.end()


def test_what_arrives_while_the_network_computes_is_its_next_pass_up_to_so_many_faces(batches, drawn):
    first = put(batches.thread, drawn[0], BOX)
    batches.model.begun.acquire()
    rest = [put(batches.thread, drawn[0], np.repeat(BOX, 3, axis=0)) for _ in range(12)]
    batches.model.word.release(99)
    assert 1 == len(first.result(60)["faces"])
    assert [3] * 12 == [len(answer.result(60)["faces"]) for answer in rest]
    # 10 x 3 faces fit into 32, the eleventh request would not.
    assert (32, [1, 30, 6]) == (BATCH_FACES, batches.sizes)


def test_a_request_of_more_faces_than_a_pass_has_is_one_of_its_own(batches, drawn):
    batches.model.word.release(99)
    assert 40 == len(put(batches.thread, drawn[0], np.repeat(BOX, 40, axis=0)).result(60)["faces"])
    assert [40] == batches.sizes


def test_who_does_not_wait_any_longer_is_not_computed(batches, drawn):
    first = put(batches.thread, drawn[0], BOX)
    batches.model.begun.acquire()
    gone, other = put(batches.thread, drawn[0], BOX), put(batches.thread, drawn[0], BOX)
    gone.gone = True
    assert not gone.done()  # its picture is in the queue
    batches.model.word.release(99)
    assert [1, 1] == [len(one.result(60)["faces"]) for one in (first, other)]
    assert [1, 1] == batches.sizes
    assert gone.cancelled()


def test_a_picture_on_which_the_model_fails_fails_alone(answering, drawn, capsys):
    def find(pictures, boxes=None):
        if any(picture is drawn[1] for picture in pictures):
            raise RuntimeError("out of order")
        return answering.model.find(pictures, boxes)

    failing = answering._replace(model=SimpleNamespace(find=find, scheme=answering.model.scheme))
    thread = Batching(lambda: failing, lambda _: None)
    answers = [put(thread, picture, BOX) for picture in (drawn[0], drawn[1], drawn[0])]
    thread.start()
    thread.end()
    assert [1, 1] == [len(answers[i].result(60)["faces"]) for i in (0, 2)]
    with pytest.raises(Refusal, match="the model failed on this picture"):
        answers[1].result(60)
    assert "RuntimeError: out of order" in capsys.readouterr().err


def test_a_decoder_waits_until_fewer_pixels_are_waiting(batches, drawn, monkeypatch):
    monkeypatch.setattr(batching, "MAX_PIXELS_WAITING", 1)
    first = put(batches.thread, drawn[0], BOX)
    waits = threading.Thread(target=batches.thread.wait_for_room)
    waits.start()
    batches.model.begun.acquire()
    assert waits.is_alive()
    batches.model.word.release(99)
    first.result(60)
    waits.join(60)
    assert not waits.is_alive()


def test_a_full_queue_is_429_and_says_when_to_come_again(serving, held, files, monkeypatch):
    monkeypatch.setattr(slots, "MAX_REQUESTS", 3)
    with serving(Champion("a folder", held)) as client, ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(client.post, "/predict?whole=true", content=files[0]) for _ in range(3)]
        while "heatmark_open_requests 3.0" not in client.get("/metrics").text:
            time.sleep(0.01)
        refused = client.post("/predict?whole=true", content=files[0])
        assert (429, "1") == (refused.status_code, refused.headers["retry-after"])
        assert "3 requests are waiting already: come again in a moment" == refused.json()["detail"]
        held.model.word.release(99)
        assert [200] * 3 == [one.result(60).status_code for one in waiting]
        assert 200 == client.post("/predict?whole=true", content=files[0]).status_code


def test_a_request_that_waits_too_long_is_504(serving, held, files, monkeypatch):
    monkeypatch.setattr(predicting, "MAX_TIME_S", 0.2)
    with serving(Champion("a folder", held)) as client:
        answer = client.post("/predict?whole=true", content=files[0])
        held.model.word.release(99)
    assert (504, True) == (answer.status_code, answer.json()["detail"].startswith("no answer within 0.2 s"))


def test_requests_that_waited_too_long_keep_their_slots_until_what_they_brought_is_let_go(
    serving, held, files, monkeypatch
):
    monkeypatch.setattr(slots, "MAX_REQUESTS", 4)
    monkeypatch.setattr(batching, "MAX_PIXELS_WAITING", 1)  # while one computes, the others wait as bodies
    with serving(Champion("a folder", held)) as client, ThreadPoolExecutor(12) as pool, released(held):
        first = pool.submit(client.post, "/predict?whole=true", content=files[0])
        held.model.begun.acquire()
        monkeypatch.setattr(predicting, "MAX_TIME_S", 0.3)
        others = [pool.submit(client.post, "/predict?whole=true", content=files[0]) for _ in range(11)]
        # Three more are let in, and run out of time; their bodies are in the server still.
        assert {504: 3, 429: 8} == Counter(other.result(60).status_code for other in others)
        assert "heatmark_open_requests 4.0" in client.get("/metrics").text
        assert [429] * 5 == [client.post("/predict?whole=true", content=files[0]).status_code for _ in range(5)]
        monkeypatch.undo()
        held.model.word.release(99)
        assert 200 == first.result(60).status_code
        while "heatmark_open_requests 0.0" not in client.get("/metrics").text:
            time.sleep(0.01)
        # Nothing was computed for those that were too late.
        assert "heatmark_faces_total 1.0" in client.get("/metrics").text
        assert 200 == client.post("/predict?whole=true", content=files[0]).status_code


def test_a_model_that_takes_another_s_place_answers_from_the_next_batch_on(serving, held, answering, files):
    champion = Champion("models:/tiny@champion", held._replace(what="tiny version 1"))
    with serving(champion) as client, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, "/predict?whole=true", content=files[0])
        held.model.begun.acquire()
        champion.now = answering._replace(what="tiny version 2")
        held.model.word.release(99)
        assert {"name": "tiny", "version": "1"} == asked.result(60).json()["model"]
        later = client.post("/predict?whole=true", content=files[0])
        assert (200, {"name": "tiny", "version": "2"}) == (later.status_code, later.json()["model"])
        assert {"name": "tiny", "version": "2"} == client.get("/health").json()["model"]
