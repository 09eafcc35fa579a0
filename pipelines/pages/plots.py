"""Figures, and the self-contained pages that carry them.

The same numbers give the same bytes: no date, no random id, and no global state of matplotlib's is left changed.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.images import encode_jpeg
from components.schemes import Scheme
from components.text import printable
from pipelines.runtime.outputs import whole_file

# The pages' colours, by day and in dark mode; a figure is drawn in those of the day, and takes the page's when it is put in.
THEME = {
    "paper": ("#ffffff", "#14181d"),
    "ink": ("#1c2733", "#e4e9ee"),
    "muted": ("#5d6a77", "#9aa7b4"),
    "rule": ("#e1e6eb", "#2c343d"),
    "axis": ("#b8c1ca", "#56626e"),
    "wash": ("#f5f7f9", "#1d232a"),
    "tag": ("#e9eef3", "#2a323b"),
    "accent": ("#1261a6", "#6cb2f0"),
    "alarm": ("#c2321d", "#ff7a66"),
    "bar": ("#e4572e", "#d9603c"),
    "truth": ("#2fae4e", "#2fae4e"),
    "predicted": ("#ff5428", "#ff5428"),
    "line-1": ("#e08a00", "#ffb02e"),
    "line-2": ("#1b8a6b", "#3fc79b"),
    "line-3": ("#9a4fb5", "#c98be0"),
    "line-4": ("#8a6d3b", "#c9a66b"),
    "line-5": ("#d1477a", "#f27fac"),
    "line-6": ("#4b6cb7", "#8fa8ee"),
    "line-7": ("#5f7a12", "#a3c14a"),
}
PAPER, INK, MUTED, RULE, AXIS, ALARM = (THEME[name][0] for name in ("paper", "ink", "muted", "rule", "axis", "alarm"))
COLORS = tuple(day for name, (day, _) in THEME.items() if name == "accent" or name.startswith("line-"))

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "heatmark",
    "svg.fonttype": "none",  # text stays text: sharp, selectable, in the page's own type
    "font.size": 9.5,
    "text.color": INK,
    "text.parse_math": False,  # a subset may be called $x$
    "axes.edgecolor": AXIS,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": True,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
}


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction as per cent, "3.40%"; a dash for what is not known."""
    return "–" if value is None or not np.isfinite(value) else f"{100 * value:.{digits}f}%"


def ced_figure(curves: dict[str, np.ndarray], threshold: float) -> Figure:
    """The cumulative error distribution: the share of faces whose NME is at most x.

    A face whose NME is not finite is never reached. The first curve is the one whose failures are marked. The legend, which
    has the failure rates, stands below: inside, it would hide what it is about.

    Args:
        curves: Name -> (N,) NME, fractions.
        threshold: The NME, a fraction, above which a face counts as failed.
    """
    grid = np.linspace(0, 1.25 * threshold, 501)
    with rc_context(STYLE):
        rows = -(-len(curves) // 2)
        figure = Figure(figsize=(5.4, 4.0 + 0.2 * rows), layout="constrained")
        axes = figure.subplots()
        for i, (name, errors) in enumerate(curves.items()):
            reached = np.searchsorted(np.sort(errors), grid, side="right") / max(len(errors), 1)
            failed = float(np.mean(~(np.asarray(errors) <= threshold))) if len(errors) else None
            # The number first: matplotlib hides labels that begin with an underscore.
            label = f"{percent(failed):>7}  {printable(name)}"
            width, order = (2.2, 3.0) if i == 0 else (1.2, 2.5)
            axes.plot(100 * grid, 100 * reached, label=label, lw=width, zorder=order, **_line(i))
            if i == 0 and failed is not None:
                _mark_failures(axes, threshold, failed)
        axes.axvline(100 * threshold, color=ALARM, lw=1, ls=(0, (4, 3)), zorder=2)
        axes.set(xlim=(0, 125 * threshold), ylim=(0, 103), xlabel="NME, %", ylabel="faces, %")
        if curves:
            title = f"failed (NME > {100 * threshold:g}%)"
            figure.legend(loc="outside lower center", ncols=2, title=title, title_fontsize=8.5, fontsize=9)
        if not any((np.asarray(errors) <= grid[-1]).any() for errors in curves.values()):
            _say_none(axes, f"no face has an NME of {100 * grid[-1]:g}% or less")
    return figure


def _say_none(axes: Axes, text: str) -> None:
    """What an empty figure would leave open."""
    axes.text(0.45, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED, fontsize=10)


def _line(i: int) -> dict[str, Any]:
    """Colours first; once they are used up, other dashes."""
    return {"color": COLORS[i % len(COLORS)], "linestyle": ("-", "--", ":", "-.")[i // len(COLORS) % 4]}


def _mark_failures(axes: Axes, threshold: float, failed: float) -> None:
    """A bar from the curve up to all faces, at the threshold: its length is the failure rate."""
    x, y = 100 * threshold, 100 * (1 - failed)
    axes.plot([x, x], [y, 100], color=ALARM, lw=4, solid_capstyle="butt", zorder=4)


def face_figure(shape: np.ndarray, errors: np.ndarray, scheme: Scheme, num_named: int = 3) -> Figure:
    """The error of each landmark, drawn where it sits on a face: larger and darker is worse.

    Args:
        shape: (K, 2), (x, y), any unit, y down.
        errors: (K,) mean error of each landmark, a fraction of the protocol's normaliser; NaN, or a NaN in `shape`,
            where a landmark is never labelled: it is not drawn.
        num_named: How many of the worst landmarks are named.
    """
    known = np.isfinite(errors) & np.isfinite(shape).all(axis=-1)
    shown = 100 * np.where(known, errors, 0.0)
    with rc_context(STYLE):
        figure = Figure(figsize=(4.6, 5.0), layout="constrained")
        axes = figure.subplots()
        for outline in scheme.outlines:
            axes.plot(*shape[list(outline)].T, color=AXIS, lw=1, zorder=1)
        area = 12 + 220 * shown / max(float(shown.max()), 1e-12)
        cmap = colormaps["YlOrRd"].resampled(48)
        x, y = shape[known].T
        dots = axes.scatter(
            x, y, area[known], shown[known], cmap=cmap, vmin=0, edgecolors="#5a2a1a", linewidths=0.5, zorder=2
        )
        for k in np.flatnonzero(known)[_worst_apart(shape[known], shown[known], num_named)]:
            _name_landmark(axes, shape[k], f"{printable(scheme.names[k])} {shown[k]:.2f}%")
        axes.set_aspect("equal")
        axes.margins(0.12, 0.06)
        axes.invert_yaxis()
        axes.axis("off")
        bar = figure.colorbar(dots, ax=axes, location="bottom", shrink=0.75, aspect=35, pad=0.02)
        bar.set_label("mean error, % of the normaliser")
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def _worst_apart(shape: np.ndarray, errors: np.ndarray, count: int) -> list[int]:
    """The worst landmarks that lie a quarter of the face from each other, so that their names do not collide."""
    chosen: list[int] = []
    for k in np.argsort(-errors, kind="stable"):
        if len(chosen) < count and all(
            np.hypot(*(shape[k] - shape[j])) > np.ptp(shape, axis=0).max() / 4 for j in chosen
        ):
            chosen.append(int(k))
    return chosen


def _name_landmark(axes: Axes, at: np.ndarray, text: str) -> None:
    label = axes.annotate(
        text, (float(at[0]), float(at[1])), (0, -9), textcoords="offset points", ha="center", va="top", fontsize=8
    )
    label.set_bbox({"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 1})


def histogram_figure(groups: dict[str, np.ndarray], label: str, stacked: bool = True, num_bins: int = 30) -> Figure:
    """A histogram of one or more groups of values in common bins; what is not finite is left out."""
    kept = {name: np.asarray(values)[np.isfinite(values)] for name, values in groups.items()}
    with rc_context(STYLE):
        figure = Figure(figsize=(3.1, 2.2), layout="constrained")
        axes = figure.subplots()
        together = np.concatenate([np.zeros(0), *kept.values()])
        if len(together):
            edges = np.histogram_bin_edges(together, bins=num_bins).tolist()
            axes.hist(list(kept.values()), edges, stacked=stacked, color=COLORS[: len(kept)], label=list(kept))
        axes.grid(False, axis="x")
        axes.set(xlabel=label, ylabel="faces" if stacked else "pictures")
        if len(together) and len(kept) > 1:
            axes.legend(fontsize=8.5, handlelength=0.8, handleheight=0.8)
    return figure


def inline_svg(figure: Figure, name: str, description: str) -> Markup:
    """A figure as an SVG element to stand in a page, in the colours that the page has.

    Args:
        name: Unique on the page; keeps the ids of its figures apart.
        description: For those who cannot see it.
    """
    buffer = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(["Date", "Creator", "Format", "Type"]))
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for mark in (' id="', 'href="#', "url(#"):
        text = text.replace(mark, f"{mark}{name}-")
    for colour, (day, _) in THEME.items():
        text = text.replace(day, f"var(--{colour})")
    # The figure is our own, and the one text that is not, is escaped.
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1))  # noqa: S704


def inline_jpeg(pixels: np.ndarray, quality: int = 88) -> str:
    """(H, W, 3) uint8 RGB as the address of a picture that stands in the page itself."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(pixels, quality)).decode()


def _shown(value: object) -> object:
    """What a page shows of a value that is put into it; figures and macros are ours, and have line ends."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def write_page(path: Path, template: str, **values: object) -> None:
    """Fills a page of `pipelines/pages/templates`; it appears whole or not at all."""
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    pages = Environment(
        loader=loader,
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = pages.get_template(template).render(percent=percent, theme=THEME, **values)
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
