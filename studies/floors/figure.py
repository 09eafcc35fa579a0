"""The quantisation study as a figure: error against sigma, against temperature, and against the size of the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from pipelines.pages import plots
from pipelines.runtime.outputs import whole_file
from studies.floors.cases import (
    CROP,
    SIGMA,
    SIGMAS,
    SIZED,
    STRIDES,
    TEMPERATURES,
    WINDOW_SIGMAS,
    WINDOWS,
    contender,
    soft_argmax,
)
from studies.floors.measure import Floors
from studies.floors.quantisation import QUARTER, ROUNDING, bfloat16_limit, bins_limit

# Color by what is done, dashes by precision.
LINES = {
    "argmax": plots.COLORS[4],
    "quarter": plots.COLORS[1],
    "expectation 5 x 5": plots.COLORS[6],
    "expectation 7 x 7": plots.COLORS[5],
    "soft-argmax 5 x 5": plots.COLORS[0],
    "HIH released 8 x 8": plots.COLORS[7],
    "HIH floor 8 x 8": plots.COLORS[2],
    "log-quadratic": plots.COLORS[3],
    "DARK": plots.ALARM,
}
IN_BFLOAT16 = ("log-quadratic", "DARK")
SHOWN_SIZED = tuple(name for name in SIZED if name in LINES and name != "DARK")
LOWEST, HIGHEST = 3e-4, 0.7


def floor_figure(floors: Floors, about: str) -> Figure:
    """All panels; `about` says which faces were measured, if any."""
    with rc_context(plots.STYLE):
        figure = Figure(figsize=(12, 7.2), layout="constrained")
        panels = figure.subplot_mosaic([["sigmas", "temperatures"], ["sigmas", "sizes"]], width_ratios=[1.3, 1])
        figure.suptitle("What a perfect network loses: encode, draw, decode, no noise", fontsize=13, weight="bold")
        draw_sigmas(panels["sigmas"], floors)
        draw_temperatures(panels["temperatures"], floors)
        draw_sizes(panels["sizes"], floors, about)
    return figure


def draw_sigmas(axes: Axes, floors: Floors) -> None:
    """Error against sigma, a line per codec, with the limits dashed."""
    ends = {}
    for name, color in LINES.items():
        how = "bfloat16" if name in IN_BFLOAT16 else "float32"
        means = [floors[contender(name, sigma, precision=how)].mean for sigma in SIGMAS]
        # Released at sigma 0.75, the kernel is a cell off everywhere: out of the picture.
        shown = [mean if mean < HIGHEST else np.nan for mean in means]
        axes.plot(SIGMAS, shown, color=color, lw=2, marker="o", ms=3.5)
        ends[name + (" in bfloat16" if name in IN_BFLOAT16 else "")] = (means[-1], color)
    best = [min(floors[soft_argmax(5, one, sigma)].mean for one in TEMPERATURES) for sigma in SIGMAS]
    axes.plot(SIGMAS, best, color=LINES["soft-argmax 5 x 5"], lw=1.2, ls=":", marker="o", ms=2.5)
    ends["soft-argmax, best temperature"] = (best[-1], LINES["soft-argmax 5 x 5"])
    _set_log(axes, LOWEST, HIGHEST)
    axes.set(title="inside a map of 64 x 64 cells", xlabel="sigma, cells", ylabel="mean error, cells", xlim=(0.7, 3.02))
    exact = max(floors[contender(name, sigma)].mean for name in IN_BFLOAT16 for sigma in SIGMAS)
    below = np.ceil(1e4 * exact) / 1e4
    axes.text(1.02, 4e-4, f"log-quadratic and DARK in float32: below {below:g}", fontsize=8.5, color=plots.MUTED)
    _draw_limits(axes)
    _name_ends(axes, ends)


def _draw_limits(axes: Axes) -> None:
    """Closed forms, dashed; each is named where no line passes."""
    grid = np.linspace(SIGMAS[0], SIGMAS[-1], 50)
    limits = [
        (f"rounding to a cell: (√2 + asinh 1) / 6 = {ROUNDING:.4f}", np.full(50, ROUNDING), (1.02, 1.09 * ROUNDING)),
        (f"half of it: {QUARTER:.4f}", np.full(50, QUARTER), (1.02, 0.83 * QUARTER)),
        (f"an eighth: {bins_limit(8):.4f}", np.full(50, bins_limit(8)), (1.72, 0.83 * bins_limit(8))),
        (f"two neighbours in bfloat16: {bfloat16_limit(1):.4f} σ²", bfloat16_limit(1) * grid**2, (1.33, 0.0014)),
    ]
    for text, values, at in limits:
        axes.plot(grid, values, color=plots.INK, lw=1, ls=(0, (4, 3)), zorder=4)
        axes.text(*at, text, fontsize=8.5, color=plots.INK)


def draw_temperatures(axes: Axes, floors: Floors) -> None:
    """Error of the soft-argmax against its temperature; the best of each line is marked."""
    ends = {}
    for sigma, dashes in zip(WINDOW_SIGMAS, (":", "-", "--"), strict=True):
        for window, color in zip(WINDOWS, plots.COLORS[1:], strict=False):
            means = [floors[soft_argmax(window, one, sigma)].mean for one in TEMPERATURES]
            label = f"{window} x {window}" if sigma == SIGMA else None
            axes.plot(TEMPERATURES, means, color=color, ls=dashes, lw=1.4, label=label)
            best = int(np.argmin(means))
            axes.plot(TEMPERATURES[best], means[best], "o", color=color, ms=4.5)
        ends[f"σ {sigma:g}"] = (means[-1], plots.MUTED)
    _set_log(axes, 3e-3, 0.7)
    axes.set_xscale("log")
    axes.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(
        title="soft-argmax, 64 x 64 cells", xlabel="temperature; ● the best", ylabel="mean error, cells", xlim=(1, 50)
    )
    axes.legend(title="window", fontsize=8.5, loc="lower left")
    _name_ends(axes, ends, 0.08)


def draw_sizes(axes: Axes, floors: Floors, about: str) -> None:
    """NME of faces, or px of the crop without faces, against the number of cells."""
    sizes = [CROP // stride for stride in STRIDES]
    on_faces = floors[contender("argmax")].nme is not None
    ends = {}
    for name in SHOWN_SIZED:
        at = [(stride, floors[contender(name, stride=stride)]) for stride in STRIDES]
        values = [stride * floor.whole if floor.nme is None else 100 * floor.nme for stride, floor in at]
        axes.plot(sizes, values, color=LINES[name], lw=1.8, marker="o", ms=3.5)
        ends[name] = (values[-1], LINES[name])
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    _set_log(axes, 0.01, 8)
    unit = "mean NME, %" if on_faces else "mean error, px"
    title = f"{about or f'a crop of {CROP} px'}; σ {SIGMA:g}"
    axes.set(title=title, xlabel="cells a side of the map", ylabel=unit, xlim=(30, 262))
    _name_ends(axes, ends, 0.075)


def _set_log(axes: Axes, low: float, high: float) -> None:
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _name_ends(axes: Axes, ends: dict[str, tuple[float, str]], apart: float = 0.034) -> None:
    """Names right of the lines' ends, from the top down, moved apart (in heights of the panel) where they would touch."""
    low, high = np.log(axes.get_ylim())
    last = np.inf
    for name, (value, color) in sorted(ends.items(), key=lambda end: -end[1][0]):
        wanted = (np.log(max(value, 1e-9)) - low) / (high - low)
        last = min(wanted, last - apart)
        at = (axes.get_xlim()[1], value)
        axes.annotate(
            name, at, (1.025, last), textcoords="axes fraction", color=color, fontsize=8.5, va="center",
            arrowprops={"arrowstyle": "-", "color": color, "lw": 0.6, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


def write_figure(path: Path, floors: Floors, about: str) -> None:
    """As a PNG, whole or not at all."""
    with whole_file(path) as partial, rc_context(plots.STYLE):
        floor_figure(floors, about).savefig(partial, format="png", dpi=130, metadata={"Software": None})
