"""The page of two versions: where they differ, and on which faces most.

Reads both tables of errors, of the same faces in the same order; writes one HTML file that needs no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from matplotlib import rc_context
from matplotlib.figure import Figure

from components.metrics import Difference
from components.schemes import Scheme
from pipelines.pages.plots import ALARM, COLORS, MUTED, STYLE, ced_figure, inline_svg, percent, write_page
from pipelines.pages.report import Pictures, tile

NUM_SHOWN = 6


class Row(NamedTuple):
    """Two versions on some of the faces.

    Attributes:
        name: Of the subset, or "all".
        num_faces: In it.
        means: NME of either version, fractions.
        difference: The first version's NME minus the second's; None where there are too few subjects to tell.
    """

    name: str
    num_faces: int
    means: tuple[float, float]
    difference: Difference | None


class Drawn(NamedTuple):
    """What faces are drawn by.

    Attributes:
        pictures: Face -> its crop (H, W, 3) uint8 RGB and the affine (2, 3), image px -> crop px.
        scheme: The markup of the landmarks.
    """

    pictures: Pictures
    scheme: Scheme


@dataclass(frozen=True, eq=False)
class Changes:
    """What is known of two versions on the same faces.

    Attributes:
        title: The page's headline.
        versions: Their numbers.
        protocol: That both were measured by.
        threshold: Of the protocol, the NME above which a face counts as failed, a fraction.
        errors: One row per face, landmarks in image px; the same faces in the same order.
        rows: Of the table, all faces first.
        with_seeds: Whether the intervals take in what equal trainings differ by.
        decided: A sentence of what was decided by it; "" where nothing was.
    """

    title: str
    versions: tuple[str, str]
    protocol: str
    threshold: float
    errors: tuple[pa.Table, pa.Table]
    rows: Sequence[Row]
    with_seeds: bool = False
    decided: str = ""


def nme_of(errors: tuple[pa.Table, pa.Table]) -> np.ndarray:
    """Of both tables: (2, N), fractions."""
    return np.stack([table.column("nme").to_numpy().astype(np.float64) for table in errors])


def cells(row: Row) -> tuple[str, ...]:
    """Name, faces, both NMEs, and their difference with its interval, as text."""
    said = f"{mean_of(row)} ({interval_of(row)})" if row.difference else "too few subjects"
    return row.name, f"{row.num_faces}", *map(percent, row.means), said


def mean_of(row: Row) -> str:
    return f"{row.difference.mean:+.2%}" if row.difference else "–"


def interval_of(row: Row) -> str:
    return "{:+.2%} to {:+.2%}".format(*row.difference.interval()) if row.difference else "–"


def write_changes(path: Path, changes: Changes, drawn: Drawn | str) -> None:
    """Writes the page.

    Args:
        path: The HTML file.
        changes: What it says.
        drawn: What the faces are drawn by, or why they are not.
    """
    versions, nme = changes.versions, nme_of(changes.errors)
    names = [f"version {version}" for version in versions]
    ced = ced_figure(dict(zip(names, nme, strict=True)), changes.threshold)
    write_page(
        path,
        "changes.html",
        changes=changes,
        title=changes.title,
        all=changes.rows[0],
        mean_of=mean_of,
        interval_of=interval_of,
        rows=[cells(row) for row in changes.rows],
        num_better=int((nme[0] < nme[1]).sum()),
        ced=inline_svg(ced, "ced", "Cumulative error distribution of either version with the failure threshold"),
        figure=inline_svg(_figure(nme, versions), "changes", "The error of each face by either version"),
        galleries=_galleries(changes, drawn),
        no_pictures=drawn if isinstance(drawn, str) else "",
    )


def _galleries(changes: Changes, drawn: Drawn | str) -> list[dict]:
    """The faces that changed most, better by either version, each as a pair of tiles."""
    nme = nme_of(changes.errors)
    change = nme[0] - nme[1]
    order = np.argsort(change, kind="stable")
    one, other = ([int(i) for i in each[:NUM_SHOWN]] for each in (order, order[::-1]))
    chosen = {
        f"Better by version {changes.versions[0]}": [i for i in one if change[i] < 0],
        f"Better by version {changes.versions[1]}": [i for i in other if change[i] > 0],
    }
    return [
        {"name": name, "faces": [[_tile(table.slice(i, 1), drawn) for table in changes.errors] for i in of]}
        for name, of in chosen.items()
    ]


def _tile(row: pa.Table, drawn: Drawn | str) -> dict:
    """One face by one version, drawn where there is a picture."""
    if isinstance(drawn, str):
        return row.select(["face", "nme"]).to_pylist()[0]
    return tile(row, drawn.pictures, drawn.scheme)


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
