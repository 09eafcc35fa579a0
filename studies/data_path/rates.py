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

from pipelines.training import batches, decoded
from studies.data_path.loaders import Loaders
from studies.speed.turns import take_turns

PLAIN, FILES, OURS, KEPT, DENSE = "plain loader", "from files", "Heatmark", "kept", "and rendered"


def epoch_seconds(loaders: Loaders, repeats: int) -> dict[str, np.ndarray]:
    """CPU seconds (repeats,) of each loader's epoch, in turns."""
    epochs = {
        PLAIN: loaders.run_plain,
        FILES: loaders.run_files,
        OURS: loaders.run_ours,
        KEPT: loaders.run_kept,
        DENSE: loaders.run_dense,
    }
    return take_turns(epochs, repeats)


def ratio(seconds: dict[str, np.ndarray], name: str) -> float:
    """How many times as fast as the plain loader, by the medians."""
    return float(np.median(seconds[PLAIN]) / np.median(seconds[name]))


def show_rates(loaders: Loaders, seconds: dict[str, np.ndarray], console: Console) -> None:
    faces, sizes = loaders.num_faces, loaders.bytes_per_face()
    table = Table("stored crop to batch", "faces/s/core", "quartiles", "ratio", "bytes/face", title_justify="left")
    plain, ours = sizes
    for name, size in zip(seconds, [plain, plain, ours, ours, plain], strict=True):
        low, median, high = np.percentile(faces / seconds[name], [25, 50, 75])
        table.add_row(name, f"{median:,.0f}", f"{low:,.0f} - {high:,.0f}", f"{ratio(seconds, name):.2f}", f"{size:,}")
    console.print(table)


def stage_seconds(loaders: Loaders, repeats: int, epoch: Callable[[], None]) -> dict[str, float]:
    """CPU seconds of an epoch by stage, medians; measured around the calls that `BatchMaker.make` itself makes."""
    places = [
        ("decode", decoded, "decode_own"),
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
            epoch()
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


def show_stages(loaders: Loaders, spent: dict[str, float], kept: dict[str, float], console: Console) -> None:
    """By stage, where pixels are decoded at each use, and where they are kept."""
    table = Table("stage of Heatmark", "us/face", "share", "kept, us/face", "share")
    for name in spent:
        table.add_row(name, *_cells(name, spent, loaders.num_faces), *_cells(name, kept, loaders.num_faces))
    console.print(table)


def _cells(name: str, spent: dict[str, float], faces: int) -> tuple[str, str]:
    return f"{spent[name] / faces * 1e6:.0f}", f"{spent[name] / sum(spent.values()):.0%}"
