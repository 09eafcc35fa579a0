"""The table of one file of predictions under many protocols: as rows, on a terminal, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from components.text import printable

NUMBERS = ("num_faces", "nme", "nme_low", "nme_high", "failure_rate", "auc")
HEADER = ("protocol", "faces", "NME %", "95%", "FR %", "AUC %", "hash")


def rows_of(results: list[dict]) -> Iterator[dict]:
    """A row per protocol and subset, all faces first (subset "")."""
    for metrics in results:
        protocol = metrics["protocol"]
        for subset, figures in [("", metrics), *metrics["subsets"].items()]:
            low, high = figures["nme_interval"]
            values = {**figures, "nme_low": low, "nme_high": high}
            yield {
                "protocol": protocol["name"],
                "subset": subset,
                **{name: values[name] for name in NUMBERS},
                "failure_threshold": protocol["failure_threshold"],
                "auc_threshold": protocol["auc_threshold"],
                "hash": protocol["hash"],
            }


def cells(row: dict) -> list[str]:
    """A row as it is read: per cent, the thresholds beside FR and AUC, the hash with the protocol's name."""
    failure, area = (f"@{100 * row[name]:g}" for name in ("failure_threshold", "auc_threshold"))
    return [
        printable(row["subset"] or row["protocol"]),
        f"{row['num_faces']}",
        f"{100 * row['nme']:.2f}",
        f"{100 * row['nme_low']:.2f}–{100 * row['nme_high']:.2f}",
        f"{100 * row['failure_rate']:.2f}{failure}",
        f"{100 * row['auc']:.2f}{area}",
        "" if row["subset"] else row["hash"],
    ]


def terminal_table(rows: list[dict]) -> Table:
    """The rows in 80 columns."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(HEADER[0], no_wrap=True, max_width=22)
    for name in HEADER[1:-1]:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(HEADER[-1], style="dim", no_wrap=True)
    for row in rows:
        name, *others = cells(row)
        table.add_row(Text(f"  {name}") if row["subset"] else Text(name, "bold"), *map(Text, others))
    return table


def grouped(left_out: dict[str, str]) -> dict[str, list[str]]:
    """Reason -> the protocols that do not fit for it."""
    reasons: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        reasons.setdefault(reason, []).append(name)
    return reasons


def markdown(rows: list[dict], left_out: dict[str, str]) -> str:
    """The same as a page of Markdown."""
    lines = [f"| {' | '.join(HEADER)} |", "| --- |" + " ---: |" * (len(HEADER) - 2) + " --- |"]
    for row in rows:
        name, *others = (cell.replace("|", "\\|") for cell in cells(row))
        lines.append("| " + " | ".join([f"&emsp;{name}" if row["subset"] else f"**{name}**", *others]) + " |")
    lines += ["", *(f"* {reason}: {', '.join(names)}" for reason, names in grouped(left_out).items())]
    return "\n".join(lines) + "\n"
