"""What a flow run ends with: the numbers, where they are, and what to try next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from pipelines.runtime.environment import ROOT
from pipelines.scoring.held_out import subset_of

if TYPE_CHECKING:
    from pipelines.new_data.drift import Drift


@dataclass(frozen=True)
class Summary:
    """One finished run.

    Attributes:
        metrics: As in metrics.json; fractions.
        faces_per_s: Of training's steps, over all workers; None if the model came out of the cache.
        faces_per_s_overall: The same with evaluations and checkpoints.
        data_version: DVC's hash of `data/`.
        run: MLflow's id.
        run_page: Its page; "" where no server shows it.
        model: Name of the registered model.
        version: Its version.
        aliases: That point to the version.
        decision: "promote", "keep" or "need more data".
        reason: For it.
        report: Path of the page.
        against: Path of the page that holds it against the champion.
        start: The model that the training went on from; "" if it began anew.
        drifts: What the training faces of several datasets are like, beside each other.
    """

    metrics: dict
    faces_per_s: float | None
    faces_per_s_overall: float | None
    data_version: str
    run: str
    run_page: str
    model: str
    version: str
    aliases: tuple[str, ...]
    decision: str
    reason: str
    report: str
    against: str
    start: str
    drifts: tuple[Drift, ...] = ()

    def rows(self) -> list[tuple[str, str]]:
        """Name and value of everything that is worth a line."""
        protocol = self.metrics["protocol"]
        return [
            ("NME", self._with_interval("nme", "{:.2%}")),
            *self._by_dataset(),
            (f"FR@{protocol['failure_threshold']:.0%}", self._with_interval("failure_rate", "{:.2%}")),
            (f"AUC@{protocol['auc_threshold']:.0%}", self._with_interval("auc", "{:.3f}")),
            ("test faces", f"{self.metrics['num_faces']}, {protocol['name']} ({protocol['hash']})"),
            ("faces/s", self._pace()),
            ("data version", self.data_version),
            ("run", self.run),
            ("model", f"{self.model} version {self.version}" + "".join(f" @{alias}" for alias in self.aliases)),
            *([("started from", self.start)] if self.start else []),
            ("decision", f"{self.decision}: {self.reason}"),
            ("report", self.report),
            ("against champion", self.against),
        ]

    def pages(self) -> dict[str, str]:
        """Where the pages of `rows` are shown: by MLflow's server, or else they are files on this machine."""
        from pipelines.registry.links import artifact

        files = {"report": self.report, "against champion": self.against}
        if not self.run_page:
            return {name: (ROOT / path).as_uri() for name, path in files.items()}
        kept = {name: artifact(self.run_page, f"evaluation/{Path(path).name}") for name, path in files.items()}
        return {"run": self.run_page, **kept}

    def _by_dataset(self) -> list[tuple[str, str]]:
        """NMEs apart, where several datasets are measured: their faces are subsets called "dataset NAME"."""
        apart = {name: of for name, of in self.metrics["subsets"].items() if name.startswith(subset_of(""))}
        return [(f"NME, {name}", f"{of['nme']:.2%} of {of['num_faces']} faces") for name, of in apart.items()]

    def _pace(self) -> str:
        if self.faces_per_s is None:
            return "not trained here"
        return f"{self.faces_per_s:.0f} in training steps, {self.faces_per_s_overall:.0f} overall"

    def _with_interval(self, name: str, form: str) -> str:
        low, high = self.metrics[f"{name}_interval"]
        return f"{form.format(self.metrics[name])} (95% interval {form.format(low)} to {form.format(high)})"

    def next_commands(self) -> list[tuple[str, str]]:
        """What to try next, and what it does."""
        model = f"models:/{self.model}/{self.version}"
        return [
            (f"heatmark predict FOLDER --whole --model {model} --out out", "landmarks of one's own pictures of faces"),
            ("make pages", "MLflow's and Prefect's pages: curves, versions, flow runs"),
            ("make exp SET=train.lr=0.001", "one parameter changed, and its numbers beside the old"),
            ("make retrain RECIPE=recipes/300w_small.yaml DATA=FOLDER", "the same on real photographs"),
        ]


def show(summary: Summary) -> None:
    """Prints the table, and those of drift; fits 80 columns."""
    from pipelines.new_data.table import terminal_table

    console = Console(width=80, highlight=False)
    table = Table(show_header=False, title=f"{summary.model}", title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in summary.rows():
        table.add_row(name, value)
    console.print(table)
    for drift in summary.drifts:
        console.print(terminal_table(drift))
    console.print("Next:")
    for command, what in summary.next_commands():
        console.print(f"  {command}\n      {what}", soft_wrap=True)


def markdown(summary: Summary) -> str:
    """The same for the flow run's page."""
    from pipelines.new_data.table import drift_markdown

    pages = summary.pages() if summary.run_page else {}  # a page of Prefect's server links no file
    shown = [(name, f"[{value}]({pages[name]})" if name in pages else value) for name, value in summary.rows()]
    rows = "\n".join(f"| {name} | {value} |" for name, value in shown)
    drifts = "".join(f"\n## What the training faces are like\n\n{drift_markdown(drift)}" for drift in summary.drifts)
    return f"# {summary.model}: {summary.decision}\n\n|  |  |\n| --- | --- |\n{rows}\n{drifts}"
