"""How a training went: its loss and its validation NME by step, as `pipelines.train` writes them into curves.csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.csv as pc
from matplotlib import rc_context
from matplotlib.figure import Figure

from pipelines.pages.plots import COLORS, INK, STYLE

COLUMNS = ("step", "epoch", "loss", "val_nme")


def read_curves(path: Path) -> dict[str, np.ndarray]:
    """The columns of a curves.csv that are shown, one number for each evaluation.

    Raises:
        ValueError: There is no such file, or it is none of a training's.
    """
    if not path.is_file():
        raise ValueError(f"{path}: there are no curves of a training; `python -m pipelines.train` writes them")
    table = pc.read_csv(path)
    if absent := [name for name in COLUMNS if name not in table.column_names]:
        raise ValueError(f"{path}: no curves of pipelines.train: expected a column {', '.join(absent)}")
    return {name: table[name].to_numpy().astype(np.float64) for name in COLUMNS}


def curve_figures(curves: dict[str, np.ndarray]) -> tuple[Figure, Figure]:
    """Loss, and validation NME with its lowest point, by epoch; each column of `curves` is (evaluations,)."""
    epoch, nme = curves["epoch"], 100 * curves["val_nme"]
    best = int(np.argmin(nme))
    measured = _figure(epoch, nme, COLORS[0], "validation NME, %")
    axes = measured.axes[0]
    axes.plot(epoch[best], nme[best], "o", ms=9, mfc="none", mec=INK, mew=1.4, zorder=4)
    axes.set_ylim(bottom=0)
    return _figure(epoch, curves["loss"], COLORS[1], "training loss"), measured


def _figure(x: np.ndarray, y: np.ndarray, color: str, name: str) -> Figure:
    with rc_context(STYLE):
        figure = Figure(figsize=(5.4, 2.9), layout="constrained")
        axes = figure.subplots()
        axes.plot(x, y, "o-", color=color, lw=1.8, ms=3.5)
        axes.set(xlabel="epoch", ylabel=name, xlim=(0, None))
    return figure
