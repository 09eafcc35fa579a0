"""CPU time of several ways to do the same, which take turns, so that a busy machine is busy for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np

Name = TypeVar("Name", bound=Hashable)


def take_turns(ways: Mapping[Name, Callable[[], object]], repeats: int) -> dict[Name, np.ndarray]:
    """CPU seconds (repeats,) of each way; a first turn is not counted."""
    seconds: dict[Name, list[float]] = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            seconds[name].append(time.process_time() - start)
    return {name: np.array(values[1:]) for name, values in seconds.items()}
