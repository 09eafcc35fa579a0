"""What was measured, as one picture: the NME of each variant with its interval, by budget, over all seeds that it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pipelines.runtime.outputs import whole_file
from studies.comparison.measured import Kept
from studies.comparison.variants import VARIANTS
from studies.trainings.results import interval

ROW = 0.3  # of the picture's height, inches


def draw(kept: Kept, path: Path) -> None:
    """Draws a PNG: the best variant of the shortest budget on top."""
    budgets = sorted({epochs for _, _, epochs in kept.trainings})
    errors = {epochs: of_budget(kept, epochs) for epochs in budgets}
    variants = sorted({name for each in errors.values() for name in each}, key=lambda name: worst_first(name, errors))
    figure = Figure((8, 1 + ROW * len(variants)), layout="constrained")
    axes = figure.subplots()
    for number, epochs in enumerate(budgets):
        rows = [row for row, name in enumerate(variants) if name in errors[epochs]]
        measured = [errors[epochs][variants[row]] for row in rows]
        means = np.array([each.mean() for each in measured])
        ends = np.array([interval(each) for each in measured]).T
        # Budgets of one variant a little below each other, or one would hide the other.
        place = np.array(rows) - 0.25 * (number - (len(budgets) - 1) / 2)
        axes.errorbar(means, place, xerr=abs(ends - means), fmt="o", capsize=3, markersize=4, label=f"{epochs} epochs")
    axes.set_yticks(range(len(variants)), variants)
    axes.set_xlabel(f"NME, %, of {len(kept.faces.faces)} test faces, and its 95% interval")
    axes.grid(axis="x", alpha=0.3)
    axes.legend()
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", dpi=120)


def of_budget(kept: Kept, epochs: int) -> dict[str, np.ndarray]:
    """Variant -> NME in % of its seeds and the faces (S, N), each read by its own decoder."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for (name, _, budget), one in sorted(kept.trainings.items()):
        if budget == epochs and name in VARIANTS:
            found.setdefault(name, []).append(one.errors[one.decoder])
    return {name: np.array(errors) for name, errors in found.items()}


def worst_first(name: str, errors: dict[int, dict[str, np.ndarray]]) -> float:
    """Key by which the best is the last, which is drawn on top; by the shortest budget that it was trained for."""
    return -next(float(each[name].mean()) for _, each in sorted(errors.items()) if name in each)
