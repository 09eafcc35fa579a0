"""Progress as lines, since a stage's output passes through DVC and a flow's log, not a terminal."""

from __future__ import annotations

import time


class Progress:
    """Says about every tenth of a stage's work, and not more than once a second.

    Args:
        stage: Stands at the beginning of each line.
        total: Of all work.
        unit: What is counted.
    """

    def __init__(self, stage: str, total: int, unit: str) -> None:
        self.stage, self.total, self.unit = stage, total, unit
        self.done, self.said = 0, 0
        self.began = self.last = time.monotonic()

    def advance(self, count: int) -> None:
        """`count` more are done."""
        self.done += count
        now = time.monotonic()
        finished = self.done >= self.total
        if finished or (self.done - self.said >= self.total / 10 and now - self.last >= 1):
            rate = self.done / max(now - self.began, 1e-9)
            left = "" if finished else f", {(self.total - self.done) / rate:.0f} s left"
            print(f"{self.stage}: {self.done}/{self.total} {self.unit}, {rate:.0f}/s{left}", flush=True)
            self.said, self.last = self.done, now
