"""What was measured: a table for the terminal, and the same rows as CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from pipelines.runtime.outputs import whole_file
from pipelines.runtime.tables import write_csv
from studies.speed.work import LANDMARKS


@dataclass(frozen=True)
class Row:
    """One line.

    Attributes:
        what: Was done.
        us: Of CPU per face, the median.
        low: Its first quartile.
        high: Its third.
        plain_us: Of the plain way; None where there is none.
        ratio: How many times as fast as that, by the medians.
        goal: What the ratio is to be.
        share: Of a training step, for its parts.
    """

    what: str
    us: float
    low: float
    high: float
    plain_us: float | None = None
    ratio: float | None = None
    goal: float | None = None
    share: float | None = None

    @classmethod
    def of(cls, what: str, seconds: np.ndarray, plain: np.ndarray | None = None, goal: float | None = None) -> Row:
        """From seconds per face (repeats,)."""
        low, median, high = (1e6 * np.percentile(seconds, [25, 50, 75])).tolist()
        if plain is None:
            return cls(what, median, low, high)
        plain_us = 1e6 * float(np.median(plain))
        return cls(what, median, low, high, plain_us, plain_us / median, goal)

    @classmethod
    def part(cls, what: str, seconds: np.ndarray, whole: float) -> Row:
        """From seconds per face (repeats,) of a part, and of the whole step."""
        return replace(cls.of(what, seconds), share=float(np.median(seconds)) / whole)


def show_pairs(rows: Iterable[Row], console: Console) -> None:
    """What has a plain way, or is a limit of what has."""
    table = Table(f"{LANDMARKS} landmarks, 64 x 64 cells", "us/face", "quartiles", "plain", "ratio", "goal")
    for row in rows:
        plain, ratio = ("", "") if row.plain_us is None else (f"{row.plain_us:,.0f}", f"{row.ratio:.1f}")
        goal = "" if row.goal is None else f"{row.goal:g}"
        table.add_row(row.what, f"{row.us:,.0f}", f"{row.low:,.0f} - {row.high:,.0f}", plain, ratio, goal)
    console.print(table)


def show_parts(rows: Iterable[Row], console: Console) -> None:
    """Parts of a training step."""
    table = Table("part of a training step", "us/face", "quartiles", "share")
    for row in rows:
        table.add_row(row.what, f"{row.us:,.0f}", f"{row.low:,.0f} - {row.high:,.0f}", f"{row.share:.1%}")
    console.print(table)


def write(rows: Iterable[Row], out: Path) -> None:
    """speed.csv and speed.json in a folder."""
    names, rows = [field.name for field in fields(Row)], list(rows)
    write_csv(out / "speed.csv", names, ([getattr(row, name) for name in names] for row in rows))
    with whole_file(out / "speed.json") as partial:
        partial.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
