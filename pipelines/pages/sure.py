"""The report's section on how sure the model is: expected errors against those that came out, and what sorting out would leave."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.metrics import calibration, risk_by_coverage
from components.metrics.selective import Bin
from pipelines.pages.plots import COLORS, MUTED, STYLE, inline_svg
from pipelines.scoring.sure import Errors, how_sure

# Enough to see a bend; of fewer faces than this in a bin, chance is all that one sees.
MOST_BINS, FACES_IN_BIN = 10, 5


def section(errors: Errors) -> dict[str, Any]:
    """What the template `sure.html` shows of at least two faces."""
    bins = {"landmarks": calibration(*errors.landmarks, MOST_BINS), "faces": calibration(*errors.faces, _bins(errors))}
    calibrated, sorted_out = calibration_figure(bins), risk_figure(*errors.faces)
    return {
        **how_sure(errors),
        "bins": bins,
        "calibration": inline_svg(
            calibrated, "calibration", "Mean error against expected error, of landmarks and faces"
        ),
        "risk": inline_svg(sorted_out, "risk", "Mean error of the faces that are kept, against how many are"),
    }


def _bins(errors: Errors) -> int:
    return int(np.clip(len(errors.observed) // FACES_IN_BIN, 1, MOST_BINS))


def calibration_figure(bins: dict[str, list[Bin]]) -> Figure:
    """Mean error against expected error: what is expected rightly lies on the diagonal.

    Args:
        bins: What was put into bins -> these, fractions.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(4.6, 3.9), layout="constrained")
        axes = figure.subplots()
        for number, (name, parts) in enumerate(bins.items()):
            expected, observed = (
                100 * np.array([getattr(part, of) for part in parts]) for of in ("expected", "observed")
            )
            axes.plot(expected, observed, "os"[number % 2] + "-", color=COLORS[number], ms=4.5, lw=1, label=name)
        most = 105 * max((max(part.expected, part.observed) for parts in bins.values() for part in parts), default=1.0)
        axes.plot([0, most], [0, most], color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
        axes.set(xlim=(0, most), ylim=(0, most), xlabel="expected error, %", ylabel="error, %")
        axes.legend(loc="upper left", fontsize=9)
    return figure


def risk_figure(expected: np.ndarray, observed: np.ndarray) -> Figure:
    """The mean error of the faces that are kept, if those go first of which the most is expected, and if the worst go first.

    Args:
        expected: (N,) error of each face, fractions.
        observed: (N,), fractions.
    """
    kept = 100 * np.arange(1, len(observed) + 1) / len(observed)
    with rc_context(STYLE):
        figure = Figure(figsize=(4.6, 3.9), layout="constrained")
        axes = figure.subplots()
        for number, (name, by) in enumerate({"by expected error": expected, "by error itself": observed}.items()):
            _draw_risk(axes, kept, 100 * risk_by_coverage(by, observed), name, number)
        axes.axhline(100 * observed.mean(), color=MUTED, lw=1, ls=(0, (4, 3)), label="in any order", zorder=1)
        axes.set(xlim=(0, 100), xlabel="faces kept, %", ylabel="their mean error, %")
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower right", fontsize=9, title="sorted")
    return figure


def _draw_risk(axes: Axes, kept: np.ndarray, risk: np.ndarray, name: str, number: int) -> None:
    axes.plot(kept, risk, color=COLORS[number], lw=2.2 - number, label=name, ls=("-", ":")[number])
