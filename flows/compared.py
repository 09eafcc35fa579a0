"""Experiments beside the workspace that they were tried from: what was changed, and what came of it, in 80 columns.

`dvc exp show` has a column for each number and parameter that differs, of which there are hundreds.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.text import printable

WIDTH = 80
NUM_CHANGES = 8  # of an experiment; more are counted
PARAMS, WORKSPACE = "params.yaml", "workspace"
FIGURES = {"nme": "{:.2%}", "failure_rate": "{:.2%}", "auc": "{:.3f}"}


def show(root: Path) -> None:
    """Prints the table of all experiments of the last commit.

    Raises:
        ValueError: DVC failed, after it said why.
    """
    command = ["dvc", "exp", "show", "--json"]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ValueError(f"dvc exp show ended with {done.returncode}")
    console = Console(width=WIDTH, highlight=False)
    console.print(table(json.loads(done.stdout)))
    console.print("`dvc exp show` has every number; `dvc exp apply NAME` brings an experiment into the workspace.")


def table(shown: list[dict]) -> Table:
    """The workspace, and below it the experiments of its commit, the newest first.

    Args:
        shown: As `dvc exp show --json` prints it.
    """
    found = Table(title="experiments", title_justify="left", width=WIDTH)
    for name in ("experiment", "NME", "FR", "AUC"):
        found.add_column(name, justify="left" if name == "experiment" else "right", no_wrap=name != "experiment")
    found.add_column("changed", overflow="fold", ratio=1)
    before = next((entry.get("data") or {} for entry in shown if entry["rev"] == WORKSPACE), {})
    found.add_row(WORKSPACE, *figures(before), "")
    for commit in shown:
        tries = [tried["revs"][0] for tried in commit.get("experiments") or []]
        for tried in sorted(tries, key=lambda each: (each.get("data") or {}).get("timestamp") or "", reverse=True):
            found.add_row(Text(printable(tried.get("name") or tried["rev"][:7])), *_row(before, tried))
    return found


def _row(before: Mapping[str, Any], tried: Mapping[str, Any]) -> list[str | Text]:
    data = tried.get("data")
    if not data:
        error = (tried.get("error") or {}).get("msg", "it has not ended")
        return ["–", "–", "–", Text(printable(error))]
    return [*figures(data), Text("\n".join(map(printable, changes(before, data))))]


def figures(data: Mapping[str, Any]) -> list[str]:
    """NME, failure rate and AUC of the recipe whose params these are; dashes where it was not measured."""
    metrics = _metrics(data)
    return [form.format(metrics[name]) if name in metrics else "–" for name, form in FIGURES.items()]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What differs in the params, "train.lr: 0.003 -> 0.001" each, and whether that makes the numbers incomparable."""
    one, other = (dict(_flat(_params(data))) for data in (before, after))
    keys = sorted(key for key in one | other if one.get(key) != other.get(key))
    lines = [f"{key}: {one.get(key, 'not there')} -> {other.get(key, 'not there')}" for key in keys[:NUM_CHANGES]]
    if len(keys) > NUM_CHANGES:
        lines.append(f"and {len(keys) - NUM_CHANGES} more")
    protocols = [_metrics(data).get("protocol", {}).get("hash") for data in (before, after)]
    if all(protocols) and protocols[0] != protocols[1]:
        lines.append("measured by another protocol: does not compare")
    return lines


def _params(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return data.get("params", {}).get(PARAMS, {}).get("data") or {}


def _metrics(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of the recipe's own metrics.json: others' lie beside it, of earlier recipes."""
    return data.get("metrics", {}).get(f"reports/{_params(data).get('name')}/metrics.json", {}).get("data") or {}


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
