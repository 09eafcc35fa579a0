"""The drift of new faces as a table: on a terminal, in a flow run's artifact, and as a report's rows."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from components.text import printable
from pipelines.new_data.drift import Drift, Shift, Spread

WIDTH = 80
# How a feature is called, and what it is multiplied by, so that whole numbers say enough.
SHOWN = {
    "size_px": ("size, px", 1),
    "yaw_deg": ("yaw, degrees", 1),
    "brightness": ("brightness, %", 100),
    "sharpness": ("sharpness", 1),
}
LEAST_P = 0.001


def header(drift: Drift) -> tuple[str, ...]:
    """Of the columns of `cells`."""
    new, old = (
        f"{printable(name)}, {num} faces" for name, num in ((drift.new, drift.num_new), (drift.old, drift.num_old))
    )
    return "median (5% to 95%)", new, old, "KS", "p"


def cells(shift: Shift) -> tuple[str, ...]:
    """A feature: of the new faces, of the old, how far apart they are, and by what chance."""
    p = f"<{LEAST_P}" if shift.p < LEAST_P else f"{shift.p:.3f}"
    name, scale = SHOWN[shift.feature]
    new, old = (_spread(spread, scale) for spread in (shift.new, shift.old))
    return name, new, old, f"{shift.distance:.2f}", p


def _spread(spread: Spread, scale: int) -> str:
    median, low, high = (f"{round(scale * value):,}" for value in spread)
    return f"{median} ({low} to {high})"


def terminal_table(drift: Drift) -> Table:
    """In 80 columns."""
    table = Table(title="What the faces are like", title_justify="left", width=WIDTH)
    names = header(drift)
    for name in names:
        table.add_column(name, overflow="fold", justify="left" if name == names[0] else "right")
    for shift in drift.shifts:
        table.add_row(*map(Text, cells(shift)))
    return table


def drift_markdown(drift: Drift) -> str:
    """For the flow run's page."""
    names = header(drift)
    return markdown_table([names, *map(cells, drift.shifts)])


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, of a header and rows; numbers stand on the right."""
    header, *others = rows
    lines = [header, ("---", *["---:"] * (len(header) - 1)), *others]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
