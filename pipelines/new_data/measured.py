"""The champion on new faces, in tables: on a terminal, and in a flow run's artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.text import printable
from pipelines.new_data.drift import Drift
from pipelines.new_data.table import WIDTH, drift_markdown, markdown_table, terminal_table

SUBSETS = ("subset", "new faces", "NME", "test faces", "NME there")
NO_DRIFT = "What it was trained on is not known: it was registered before that was kept."


@dataclass(frozen=True)
class Measured:
    """The champion on new faces.

    Attributes:
        model: Name of the registered model.
        version: Its champion.
        folder: Name of the folder with the new faces.
        metrics: Of the new faces, as in metrics.json; fractions.
        own: The same of the test faces that the version was evaluated on; None where that was under another protocol.
        num_rejected: Faces that could not be read.
        num_known: New faces that are nearly ones of the recipe's training or validation faces, which flatter the figures; None
            where its data is not here.
        drift: The new faces beside those that the version was trained on; None where it was registered without those.
        run: MLflow's id.
    """

    model: str
    version: str
    folder: str
    metrics: dict[str, Any]
    own: dict[str, Any] | None
    num_rejected: int
    num_known: int | None
    drift: Drift | None
    run: str


def facts_of(measured: Measured) -> list[tuple[str, str]]:
    """Name and value of what there is to say of a champion on new faces."""
    metrics, known = measured.metrics, measured.num_known
    protocol = metrics["protocol"]
    seen = "unknown: the recipe's data is not here" if known is None else str(known)
    return [
        ("new faces", f"{metrics['num_faces']} of {printable(measured.folder)}, {measured.num_rejected} rejected"),
        ("NME", _interval(metrics, "nme", "{:.2%}")),
        (f"FR@{protocol['failure_threshold']:.0%}", _interval(metrics, "failure_rate", "{:.2%}")),
        (f"AUC@{protocol['auc_threshold']:.0%}", _interval(metrics, "auc", "{:.3f}")),
        ("protocol", f"{protocol['name']} ({protocol['hash']})"),
        ("nearly trained on", seen),
        ("run", measured.run),
    ]


def _interval(figures: dict, name: str, form: str) -> str:
    low, high = figures[f"{name}_interval"]
    return f"{form.format(figures[name])} (95% interval {form.format(low)} to {form.format(high)})"


def by_subset(measured: Measured) -> list[tuple[str, ...]]:
    """A line for all faces and for each subset of new or test faces: how many there are, and NME, of both."""
    own = measured.own or {"subsets": {}}
    names = sorted({*measured.metrics["subsets"], *own["subsets"]})
    parts = [("all", measured.metrics, measured.own)]
    parts += [(name, measured.metrics["subsets"].get(name), own["subsets"].get(name)) for name in names]
    return [(printable(name), *_figures(new), *_figures(test)) for name, new, test in parts]


def _figures(of: dict | None) -> tuple[str, str]:
    return ("", "") if of is None else (str(of["num_faces"]), f"{of['nme']:.2%}")


def show(measured: Measured) -> None:
    """Prints all tables; they fit 80 columns."""
    console = Console(width=WIDTH, highlight=False)
    table = Table(show_header=False, title=_title(measured), title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    subsets = Table(title="Error by subset", title_justify="left")
    for name in SUBSETS:
        subsets.add_column(name, overflow="fold", justify="left" if name == SUBSETS[0] else "right")
    for fact in facts_of(measured):
        table.add_row(*map(Text, fact))
    for line in by_subset(measured):
        subsets.add_row(*map(Text, line))
    console.print(table)
    console.print(subsets)
    if measured.drift:
        console.print(terminal_table(measured.drift))
    else:
        console.print(NO_DRIFT)


def markdown(measured: Measured) -> str:
    """The same for the flow run's page."""
    facts = markdown_table([("", ""), *facts_of(measured)])
    drift = drift_markdown(measured.drift) if measured.drift else f"{NO_DRIFT}\n"
    return (
        f"# {_title(measured)}\n\n{facts}\n## Error by subset\n\n{markdown_table([SUBSETS, *by_subset(measured)])}\n"
        f"## New faces beside those of the training\n\n{drift}"
    )


def _title(measured: Measured) -> str:
    return printable(f"{measured.model} version {measured.version} on {measured.folder}")
