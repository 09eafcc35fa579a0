"""The gate's curves: how often an equal model takes the place, by the night; how often a better one does, by how much better."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.pages import plots
from pipelines.runtime.outputs import whole_file


def write_figure(
    path: Path,
    replaced: Mapping[str, np.ndarray],
    nights: int,
    differences: np.ndarray,
    power: Mapping[str, np.ndarray],
    budget: float,
) -> None:
    """Writes a PNG.

    Args:
        path: Of the picture.
        replaced: Rule -> night (years,) of the first wrong promotion; `nights` where there was none.
        nights: Of a year.
        differences: That were tried (D,), shares of the NME.
        power: Rule and number of test faces -> how often each difference was promoted (D,), fractions.
        budget: Of a year, a fraction.
    """
    with rc_context(plots.STYLE):
        figure = Figure(figsize=(11, 5.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        draw_errors(left, replaced, nights, budget)
        draw_power(right, differences, power)
    with whole_file(path) as partial:
        figure.savefig(partial, dpi=110, format="png")


def draw_errors(axes: Axes, replaced: Mapping[str, np.ndarray], nights: int, budget: float) -> None:
    """Share of years with a wrong promotion, by the night."""
    for color, (rule, first) in zip(plots.COLORS, replaced.items(), strict=False):
        shares = [100 * (first < night).mean() for night in range(1, nights + 1)]
        axes.step(np.arange(1, nights + 1), shares, where="post", label=rule, color=color)
    axes.axhline(100 * budget, color=plots.ALARM, linestyle=":", label=f"{budget:.0%}")
    axes.set(xlabel="nights", ylabel="% of years", title="A champion was replaced by a model that is only as good")
    axes.set(ylim=(0, None), xlim=(0, nights))
    legend_below(axes)


def draw_power(axes: Axes, differences: np.ndarray, power: Mapping[str, np.ndarray]) -> None:
    """Share of looks that promote, by how much better the model is."""
    for color, (rule, shares) in zip(plots.COLORS, power.items(), strict=False):
        axes.plot(100 * differences, 100 * shares, marker="o", label=rule, color=color)
    axes.axhline(80, color=plots.ALARM, linestyle=":", label="80%")
    axes.set(xlabel="better by, % of the NME", ylabel="% of looks", title="A better model is promoted")
    axes.set(ylim=(0, 101))
    legend_below(axes)


def legend_below(axes: Axes) -> None:
    """Where no curve is."""
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
