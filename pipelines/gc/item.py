"""One thing that may go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """What may go, and how.

    Attributes:
        kind: What such things are called together.
        name: Its own.
        size: Of its files, bytes.
        remove: Makes it go; a second time changes nothing.
    """

    kind: str
    name: str
    size: int
    remove: Callable[[], None]
