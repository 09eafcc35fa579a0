"""CPU time of an epoch: of each loader in turn, and of Heatmark's by stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from unittest.mock import patch

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from pipelines.training import batches
from studies.data_path.loaders import Loaders

PLAIN, OURS, DENSE = "plain loader", "Heatmark", "and rendered"


def take_turns(loaders: Loaders, repeats: int) -> dict[str, np.ndarray]:
    """CPU seconds (repeats,) of each loader's epoch; a first turn is not counted."""
    epochs = {PLAIN: loaders.run_plain, OURS: loaders.run_ours, DENSE: loaders.run_dense}
    seconds: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(repeats + 1):
        for name, epoch in epochs.items():
            start = time.process_time()
            epoch()
            seconds[name].append(time.process_time() - start)
    return {name: np.array(values[1:]) for name, values in seconds.items()}


def ratio(seconds: dict[str, np.ndarray], name: str) -> float:
    """How many times as fast as the plain loader, by the medians."""
    return float(np.median(seconds[PLAIN]) / np.median(seconds[name]))


def show_rates(loaders: Loaders, seconds: dict[str, np.ndarray], console: Console) -> None:
    faces, sizes = loaders.num_faces, loaders.bytes_per_face()
    table = Table("stored crop to batch", "faces/s/core", "quartiles", "ratio", "bytes/face", title_justify="left")
    for name, size in zip(seconds, [*sizes, sizes[0]], strict=True):
        low, median, high = np.percentile(faces / seconds[name], [25, 50, 75])
        table.add_row(name, f"{median:,.0f}", f"{low:,.0f} - {high:,.0f}", f"{ratio(seconds, name):.2f}", f"{size:,}")
    console.print(table)


def stage_seconds(loaders: Loaders, repeats: int) -> dict[str, float]:
    """CPU seconds of an epoch by stage, medians; measured around the calls that `BatchMaker.make` itself makes."""
    places = [
        ("decode", batches, "decode_own"),
        ("warp", cv2, "cvtColor"),
        ("warp", cv2, "warpAffine"),
        ("blur", cv2, "sepFilter2D"),
        ("photometrics", cv2, "LUT"),
        ("planes", cv2, "split"),
        ("draw parameters", batches, "draw_views"),
        ("targets", batches, "view_landmarks"),
        ("targets", type(loaders.maker.codec), "encode"),
    ]
    turns = []
    for _ in range(repeats):
        spent = {name: 0.0 for name, _, _ in places}
        with ExitStack() as stack:
            for name, owner, attribute in places:
                stack.enter_context(patch.object(owner, attribute, _clocked(getattr(owner, attribute), spent, name)))
            start = time.process_time()
            loaders.run_ours()
            spent["read, pick, occlude"] = time.process_time() - start - sum(spent.values())
        turns.append(spent)
    return {name: float(np.median([turn[name] for turn in turns])) for name in turns[0]}


def _clocked(function: Callable, spent: dict[str, float], name: str) -> Callable:
    def call(*args, **kwargs):
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.process_time() - start

    return call


def show_stages(loaders: Loaders, spent: dict[str, float], console: Console) -> None:
    total, faces = sum(spent.values()), loaders.num_faces
    table = Table("stage of Heatmark", "us/face", "share")
    for name, value in spent.items():
        table.add_row(name, f"{value / faces * 1e6:.0f}", f"{value / total:.0%}")
    console.print(table)
