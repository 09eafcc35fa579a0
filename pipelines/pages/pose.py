"""How the error goes with the turn of the head: a row for each range of yaw, and a dot for each face."""

from __future__ import annotations

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from components.metrics import bootstrap_interval, share_interval
from components.pose import yaw_deg
from components.schemes import Scheme
from pipelines.pages.plots import ALARM, COLORS, INK, STYLE, inline_svg

# Between the ranges, degrees; beyond 45 the far eye begins to hide behind the nose.
EDGES = (-45.0, -15.0, 15.0, 45.0)
NAMES = ("beyond −45°", "−45° to −15°", "−15° to 15°", "15° to 45°", "beyond 45°")


def by_yaw(landmarks: np.ndarray, nme: np.ndarray, scheme: Scheme, threshold: float) -> dict | None:
    """What the report shows of the error by yaw; None where no face has an estimate of it.

    Args:
        landmarks: (N, K, 2), the true ones, (x, y), image px.
        nme: (N,), fractions.
        scheme: Of the landmarks.
        threshold: The NME above which a face counts as failed.
    """
    yaw = yaw_deg(landmarks, scheme)
    known = np.isfinite(yaw) & np.isfinite(nme)
    if not known.any():
        return None
    figure = _figure(yaw[known], nme[known], threshold)
    return {
        "rows": rows(yaw[known], nme[known], threshold),
        "num_left_out": int((~known).sum()),
        "figure": inline_svg(figure, "yaw", "The error of each face by its estimated yaw"),
    }


def rows(yaw: np.ndarray, nme: np.ndarray, threshold: float) -> list[dict]:
    """The ranges that have a face, from left to right in the picture: number, NME and failure rate with 95% intervals.

    Args:
        yaw: (N,), degrees.
        nme: (N,), fractions.
        threshold: The NME above which a face counts as failed.
    """
    of_range = np.digitize(yaw, EDGES)
    found = []
    for k, name in enumerate(NAMES):
        errors = nme[of_range == k]
        if len(errors):
            failed = errors > threshold
            found.append(
                {
                    "name": name,
                    "num_faces": len(errors),
                    "nme": float(errors.mean()),
                    "nme_interval": bootstrap_interval(errors),
                    "failure_rate": float(failed.mean()),
                    "failure_rate_interval": share_interval(failed),
                }
            )
    return found


def _figure(yaw: np.ndarray, nme: np.ndarray, threshold: float) -> Figure:
    """A dot for each face, its NME on a logarithmic axis, and each range's mean."""
    ends = (-90.0, *EDGES, 90.0)
    with rc_context(STYLE):
        figure = Figure(figsize=(5.4, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.scatter(yaw, 100 * np.maximum(nme, 1e-4), 13, color=COLORS[0], alpha=0.55, linewidths=0, zorder=3)
        for k in range(len(NAMES)):
            if (of_range := np.digitize(yaw, EDGES) == k).any():
                mean = 100 * max(float(nme[of_range].mean()), 1e-4)
                axes.plot(ends[k : k + 2], [mean, mean], color=INK, lw=2, solid_capstyle="butt", zorder=4)
        axes.axhline(100 * threshold, color=ALARM, lw=1, ls=(0, (4, 3)), zorder=2)
        axes.set(xlim=(-90, 90), xticks=range(-90, 91, 30), yscale="log")
        axes.set(xlabel="yaw (estimate), degrees", ylabel="NME, %")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.yaxis.set_minor_formatter("{x:g}")
    return figure
