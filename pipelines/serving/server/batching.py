"""Pictures that arrive together are one pass of the network: a thread that collects them for a few milliseconds, and computes.

    event loop --body--> decoders (threads) --picture, boxes--> queue --> this thread --answer--> event loop

Decoded pictures are large, so a decoder waits until those that are waiting have become few enough.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipelines.serving.server.answer import Answer
from pipelines.serving.server.answering import Answering
from pipelines.serving.server.limits import MAX_PIXELS_WAITING
from pipelines.serving.server.refusal import Refusal

# Faces of one pass, and how long its first picture waits for others.
BATCH_FACES, WAIT_S = 32, 0.005


class Task(NamedTuple):
    """A picture (H, W, 3) uint8, RGB, with its boxes (F, 4), and where its answer goes."""

    picture: np.ndarray
    boxes: np.ndarray
    answer: Answer

    @property
    def pixels(self) -> int:
        return self.picture.shape[0] * self.picture.shape[1]


class Batching:
    """The thread that computes.

    Args:
        answering: Gives the model that answers just now.
        tell: Is told of each batch how many faces it had.
    """

    def __init__(self, answering: Callable[[], Answering], tell: Callable[[int], None]) -> None:
        self.answering, self.tell = answering, tell
        self._queue: queue.Queue[Task | None] = queue.Queue()
        self._waiting = 0  # pixels
        self._room = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="computes", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Answers what is in the queue, and ends the thread."""
        self._queue.put(None)
        self._thread.join()

    def wait_for_room(self) -> None:
        """Returns when a further picture may be decoded."""
        with self._room:
            self._room.wait_for(lambda: self._waiting < MAX_PIXELS_WAITING)

    def put(self, picture: np.ndarray, boxes: np.ndarray, answer: Answer) -> None:
        """Takes a picture in; it is answered as by `Answering.answer`, by a Refusal, or let go of where it is not wanted."""
        task = Task(picture, boxes, answer)
        with self._room:
            self._waiting += task.pixels
        self._queue.put(task)

    def _work(self) -> None:
        held: Task | None = None  # did not fit into the batch before
        while (first := held or self._queue.get()) is not None:
            tasks, held = self._collect(first)
            if wanted := [task for task in tasks if task.answer.wanted()]:
                self._answer(wanted)
            with self._room:
                self._waiting -= sum(task.pixels for task in tasks)
                self._room.notify_all()

    def _collect(self, first: Task) -> tuple[list[Task], Task | None]:
        """What arrives within the wait, while it fits; and what did not fit."""
        tasks, num_faces, until = [first], len(first.boxes), time.monotonic() + WAIT_S
        while num_faces < BATCH_FACES:
            try:
                task = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if task is None:
                self._queue.put(None)  # to be met again, when this batch is answered
                break
            if num_faces + len(task.boxes) > BATCH_FACES:
                return tasks, task
            tasks.append(task)
            num_faces += len(task.boxes)
        return tasks, None

    def _answer(self, tasks: Sequence[Task]) -> None:
        try:
            answers = self._find(tasks)
        except Exception as error:
            if len(tasks) > 1:  # nobody is to fail by a neighbour's picture
                for task in tasks:
                    self._answer([task])
                return
            traceback.print_exception(error)
            tasks[0].answer.set_exception(Refusal(500, "the model failed on this picture; the server's log says how"))
            return
        for task, answer in zip(tasks, answers, strict=True):
            task.answer.set_result(answer)

    def _find(self, tasks: Sequence[Task]) -> list[dict[str, Any]]:
        answering = self.answering()
        faces = answering.model.find([task.picture for task in tasks], [task.boxes for task in tasks])
        self.tell(len(faces))
        return [answering.answer(faces.on(i)) for i in range(len(tasks))]
