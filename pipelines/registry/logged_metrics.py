"""The figures of an evaluation as an MLflow run has them: of all faces and of each subset, with their intervals."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from components.metrics.summary import FIGURES

# What MLflow takes as a metric's name, if it is also a path that needs no tidying; a slash puts it into a group of its page.
NAME = re.compile(r"[\w\-. :/]{1,250}")


def logged_metrics(metrics: dict) -> dict[str, float]:
    """Name -> value, from metrics.json: test_nme, test_nme_low, test_nme_high, ..., and test_pose/nme of a subset "pose".

    A subset is called by its dataset's author; one whose name MLflow does not take is in metrics.json alone.
    """
    found = {f"test_{name}": value for name, value in _figures(metrics)}
    for subset, of in metrics["subsets"].items():
        found |= {f"test_{subset}/{name}": value for name, value in _figures(of)}
    return {name: value for name, value in found.items() if NAME.fullmatch(name) and posixpath.normpath(name) == name}


def _figures(of: dict) -> Iterator[tuple[str, float]]:
    yield "num_faces", of["num_faces"]
    for name in FIGURES:
        yield name, of[name]
        yield from zip((f"{name}_low", f"{name}_high"), of[f"{name}_interval"], strict=True)
