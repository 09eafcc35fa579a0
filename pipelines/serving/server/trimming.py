"""Memory that is free goes back to the system every few seconds.

Passes of the network differ in size, and so do pictures: between the blocks that are in use the C library keeps holes that it fills
again only in part, and a server under load would grow for minutes. One arena or a fixed threshold for large blocks did not help, or cost
two thirds more CPU (docs/log.md).
"""

from __future__ import annotations

import threading

from pipelines.runtime.memory import give_back

# Under load the pages that are taken again at once cost some 40 ms of CPU each time (docs/serving.md).
EVERY_S = 5.0


class Trimming:
    """The thread that gives memory back."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="gives memory back", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(EVERY_S):
            give_back()
