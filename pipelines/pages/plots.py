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

INK, MUTED, ALARM = "#1c2733", "#6b7885", "#c2321d"
COLORS = ("#1261a6", "#e08a00", "#1b8a6b", "#9a4fb5", "#8a6d3b", "#d1477a", "#4b6cb7", "#5f7a12")

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "heatmark",
    "svg.fonttype": "none",  # text stays text: sharp, selectable, in the page's own type
    "font.size": 9.5,
    "text.color": INK,
    "text.parse_math": False,  # a subset may be called $x$
    "axes.edgecolor": "#b8c1ca",
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e8ecf0",
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

    A face whose NME is not finite is never reached. The first curve is the one whose failures are marked.

    Args:
        curves: Name -> (N,) NME, fractions.
        threshold: The NME, a fraction, above which a face counts as failed.
    """
    grid = np.linspace(0, 1.25 * threshold, 501)
    with rc_context(STYLE):
        figure = Figure(figsize=(5.4, 3.9), layout="constrained")
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
            _explain_curves(axes, threshold, next(iter(curves.values())))
    return figure


def _explain_curves(axes: Axes, threshold: float, first: np.ndarray) -> None:
    """The legend, in the corner that the first curve stays out of."""
    good = np.sum(first <= threshold) > len(first) / 2
    title = f"failed (NME > {100 * threshold:g}%)"
    legend = axes.legend(loc="lower right" if good else "upper left", title=title, fontsize=9)
    legend.get_title().set_fontsize(8.5)


def _line(i: int) -> dict[str, Any]:
    """Colours first; once they are used up, other dashes."""
    return {"color": COLORS[i % len(COLORS)], "linestyle": ("-", "--", ":", "-.")[i // len(COLORS) % 4]}


def _mark_failures(axes: Axes, threshold: float, failed: float) -> None:
    """A bar from the curve up to all faces, at the threshold: its length is the failure rate."""
    x, y = 100 * threshold, 100 * (1 - failed)
    axes.plot([x, x], [y, 100], color=ALARM, lw=4, solid_capstyle="butt", zorder=4)
    at = (x, y if y > 50 else (y + 100) / 2)  # under the curve, or beside a long bar
    text = axes.annotate(
        f"{percent(failed)} fail", at, (6, -8), textcoords="offset points", va="top", color=ALARM, zorder=5
    )
    text.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5})


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
            axes.plot(*shape[list(outline)].T, color="#c3ccd5", lw=1, zorder=1)
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
    label.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1})


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
    """A figure as an SVG element to stand in a page.

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
    text = pages.get_template(template).render(percent=percent, **values)
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
