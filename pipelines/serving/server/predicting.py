"""The way of one request: let in, read, decoded, computed in a batch, answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from pipelines.serving.server.answer import Answer, Slots
from pipelines.serving.server.asked import body_of, boxes_of, picture_of
from pipelines.serving.server.batching import Batching
from pipelines.serving.server.limits import MAX_TIME_S
from pipelines.serving.server.metrics import Metrics
from pipelines.serving.server.refusal import Refusal

DECODERS = 2
CLIENT_GONE = 499  # nobody reads it; nginx's number in the metrics


class Predicting:
    """Lets requests in and leads them through.

    Args:
        batching: Computes.
        metrics: Is told what became of each request.
    """

    def __init__(self, batching: Batching, metrics: Metrics) -> None:
        self.batching, self.metrics = batching, metrics
        self.slots = Slots(metrics.open.set)
        self.decoders = ThreadPoolExecutor(DECODERS, "decodes")

    async def answer(self, request: Request, box: list[str], whole: bool) -> dict[str, Any]:
        """The landmarks of the faces that a request is about, JSON-ready.

        Raises:
            Refusal: It gets none.
        """
        began, status = time.monotonic(), 500
        try:
            answered = await self._in_time(self._let_in(request, box, whole))
            status = 200
            return answered
        except Refusal as refusal:
            status = refusal.status
            raise
        finally:
            self.metrics.ended(status, time.monotonic() - began)

    async def _in_time(self, work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(MAX_TIME_S):
                return await work
        except TimeoutError:
            raise Refusal(
                504, f"no answer within {MAX_TIME_S:g} s: the body came slowly, or the server is busy"
            ) from None
        except ClientDisconnect:
            raise Refusal(CLIENT_GONE, "the connection ended before the body did") from None

    async def _let_in(self, request: Request, box: list[str], whole: bool) -> dict[str, Any]:
        boxes = boxes_of(box, whole)
        self.slots.take()  # before the body is read, so that bodies take no more memory than this
        try:
            body = await body_of(request.stream(), request.headers.get("content-length"))
        except BaseException:
            self.slots.free()
            raise
        return await self._computed(body, boxes)

    async def _computed(self, body: bytes, boxes: list[list[float]] | None) -> dict[str, Any]:
        """Has the slot freed when nobody has the body or its picture any more, which is after those who cannot wait have gone."""
        answer = Answer()
        answer.add_done_callback(lambda _: self.slots.free())
        self.decoders.submit(self._decode, body, boxes, answer)
        try:
            return await asyncio.shield(asyncio.wrap_future(answer))
        except asyncio.CancelledError:
            answer.gone = True
            raise
        finally:
            # A failed answer's error has this frame in its traceback: a ring, which would hold the body until somebody looks for rings.
            del body, answer

    def _decode(self, body: bytes, boxes: list[list[float]] | None, answer: Answer) -> None:
        """In a thread: decodes, and hands over to the batches."""
        self.batching.wait_for_room()
        try:
            if answer.wanted():
                self.batching.put(*picture_of(body, boxes), answer)
        except Exception as error:
            answer.set_exception(error)
        finally:
            del body, answer  # as above
