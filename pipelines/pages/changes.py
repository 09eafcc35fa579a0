"""The page of two versions: where they differ, and on which faces most.

Reads both tables of errors, of the same faces in the same order; writes one HTML file that needs no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from matplotlib import rc_context
from matplotlib.figure import Figure

from components.schemes import Scheme
from pipelines.pages.plots import ALARM, COLORS, MUTED, STYLE, inline_svg, write_page
from pipelines.pages.report import Pictures, tile

NUM_SHOWN = 6


def write_changes(
    path: Path,
    title: str,
    versions: tuple[str, str],
    protocol: str,
    errors: tuple[pa.Table, pa.Table],
    rows: Sequence[tuple[str, ...]],
    pictures: Pictures,
    scheme: Scheme,
) -> None:
    """Writes the page.

    Args:
        path: The HTML file.
        title: Its headline.
        versions: The two versions' numbers.
        protocol: That both were measured by.
        errors: One row per face, landmarks in image px; the same faces in the same order.
        rows: Of the table by subset: name, faces, both NMEs, difference with its interval.
        pictures: Face -> its crop (H, W, 3) uint8 RGB and the affine (2, 3), image px -> crop px.
        scheme: The markup of the landmarks.
    """
    nme = np.stack([table.column("nme").to_numpy().astype(np.float64) for table in errors])
    change = nme[0] - nme[1]
    order = np.argsort(change, kind="stable")
    chosen = {
        f"Better by version {versions[0]}": [int(i) for i in order[:NUM_SHOWN] if change[i] < 0],
        f"Better by version {versions[1]}": [int(i) for i in order[::-1][:NUM_SHOWN] if change[i] > 0],
    }
    galleries = [
        {"name": name, "faces": [[tile(table.slice(i, 1), pictures, scheme) for table in errors] for i in of]}
        for name, of in chosen.items()
    ]
    figure = inline_svg(_figure(nme, versions), "changes", "The error of each face by either version")
    write_page(
        path,
        "changes.html",
        title=title,
        versions=versions,
        protocol=protocol,
        num_faces=len(change),
        num_better=int((change < 0).sum()),
        rows=rows,
        figure=figure,
        galleries=galleries,
    )


def _figure(nme: np.ndarray, versions: tuple[str, str]) -> Figure:
    """Each face by its error (2, N) under either version; on the line both are as good."""
    shown = 100 * np.maximum(nme, 1e-6)
    ends = [shown.min() / 1.15, shown.max() * 1.15]
    with rc_context(STYLE):
        figure = Figure(figsize=(4.2, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(ends, ends, color=ALARM, lw=1, ls=(0, (4, 3)), zorder=2)
        axes.scatter(shown[0], shown[1], 14, color=COLORS[0], alpha=0.6, linewidths=0, zorder=3)
        axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
        axes.set(xlabel=f"NME by version {versions[0]}, %", ylabel=f"NME by version {versions[1]}, %")
        axes.set_aspect("equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("{x:g}")
        axes.tick_params(which="minor", labelsize=7)
        said = f"version {versions[0]} is better"
        axes.text(0.03, 0.97, said, va="top", transform=axes.transAxes, color=MUTED, fontsize=8.5)
    return figure
