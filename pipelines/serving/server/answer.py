"""Where an answer goes, and the slot that its request has until then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from pipelines.serving.server.limits import MAX_REQUESTS
from pipelines.serving.server.refusal import Refusal


class Answer(Future[dict[str, Any]]):
    """A future that is done when nobody has its request in hand any more: answered, failed, or let go of.

    Cancelling a future leaves what was to be done in its queue, with the body of up to 20 MB that it is about. Here who waits says
    that he is `gone`, and whoever meets the request next lets it go.
    """

    gone = False

    def wanted(self) -> bool:
        """Whether somebody waits for it; if not, it is done now."""
        if self.gone:
            self.cancel()
        return not self.cancelled()


class Slots:
    """Lets no more requests in than have room: each has a slot from before its body is read until its answer is done.

    Args:
        tell: Is told how many slots are taken.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell, self._lock, self._taken = tell, threading.Lock(), 0

    def take(self) -> None:
        """Takes one.

        Raises:
            Refusal: There is none.
        """
        with self._lock:
            if self._taken >= MAX_REQUESTS:
                raise Refusal(429, f"{MAX_REQUESTS} requests are waiting already: come again in a moment")
            self._change(1)

    def free(self) -> None:
        """Gives one back, from any thread."""
        with self._lock:
            self._change(-1)

    def _change(self, by: int) -> None:
        self._taken += by
        self._tell(self._taken)
