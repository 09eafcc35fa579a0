"""What do recipes reach, each trained with several seeds in one process, on the same test faces?

    python -m studies.recipes RECIPE... [--out runs/recipes] [--crops CROPS] [--seeds N]... [--at-once 2]

CROPS are shards that preprocess cut, by default those of each recipe, in artifacts/NAME/crops. A training that is done already is
passed over, and one that was cut short goes on from its last checkpoint. `train.start_from` names a model's folder here, of a
training before: runs/recipes/NAME_SEED/model. Prints Markdown: validation and test NME, their intervals, and NME with the
mirrored picture averaged in, which is a protocol of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import torch
import typer

from pipelines.own_crops import check_crops
from pipelines.params import Params, load_params
from pipelines.runtime import command
from pipelines.runtime.tables import from_column
from pipelines.scoring.predict import Predictor
from studies.inputs.crops import read_crops
from studies.inputs.recipe import with_changes
from studies.trainings.one import predict_each
from studies.trainings.results import Results, with_interval
from studies.trainings.run import Run, mean_time, train_all


def row(results: Results, name: str, first: np.ndarray) -> str:
    """A recipe's line of the table; `first` are the errors of the first recipe, (S, N)."""
    runs, errors = results.runs(name), results.errors(name)
    val = ", ".join(f"{run.val_nme:.2%}" for run in runs)
    subsets = [f"{subset} {errors[:, faces].mean():.2f}%" for subset, faces in results.members().items()]
    twice = np.stack([results.errors_of(found_mirrored(run, results)) for run in runs])
    shown = [val, with_interval(errors), with_interval(errors - first), ", ".join(subsets), with_interval(twice)]
    return f"| {name} | {' | '.join(shown)} | {mean_time(runs)} |"


def found_mirrored(run: Run, results: Results) -> np.ndarray:
    """Landmarks (N, K, 2), image px: means with those of the mirrored crops."""
    table = predict_each(Predictor(str(run.model), mirrored=True), results.faces)
    return from_column(table, "predicted", results.params.model().scheme.num_landmarks, 2)


def check_comparable(tests: list[tuple[Params, pa.Table]]) -> None:
    """Refuses recipes whose numbers do not compare.

    Raises:
        ValueError: Two have other protocols, or other test faces.
    """
    first, faces = tests[0]
    for other, theirs in tests[1:]:
        if other.evaluate.protocol != first.evaluate.protocol:
            protocols = f"{first.evaluate.protocol!r} and {other.evaluate.protocol!r}"
            raise ValueError(f"{first.name} and {other.name} do not compare: protocols {protocols}")
        if not theirs.column("face").equals(faces.column("face")):
            raise ValueError(f"{first.name} and {other.name} do not compare: their crops are of other test faces")


def main(
    recipes: Annotated[list[Path], typer.Argument(help="Recipes; the others are held against the first.")],
    out: Annotated[Path, typer.Option(help="A folder for each training goes here.")] = Path("runs/recipes"),
    crops: Annotated[Path | None, typer.Option(help="Shards of all; by default artifacts/NAME/crops of each.")] = None,
    seeds: Annotated[list[int], typer.Option(help="One training with each; may be repeated.", min=0)] = [0],  # noqa: B006
    at_once: Annotated[int, typer.Option(help="How many train side by side.", min=1)] = 2,
) -> None:
    """Trains the recipes and prints what they reach."""
    torch.set_num_threads(1)
    wanted: dict[Run, tuple[Params, Path]] = {}
    for path in recipes:
        params = load_params(path)
        folder = crops or Path("artifacts") / params.name / "crops"
        for split in ("train", "val", "test"):
            check_crops(folder, split, params)
        for seed in seeds:
            run = Run(out, params.name, seed)
            if run in wanted:
                raise ValueError(f"two recipes are called {params.name!r}")
            wanted[run] = with_changes(params, {"train": {"seed": seed, "num_workers": 0}}), folder
    check_comparable([(params, read_crops(folder, "test", params)) for params, folder in wanted.values()])
    train_all(wanted, at_once)
    print("| recipe | val NME | NME (95%) | minus the first (95%) | subsets | mirrored (95%) | training |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    first: np.ndarray | None = None
    for name, folder in {run.name: folder for run, (_, folder) in wanted.items()}.items():
        results = Results.of(out, tuple(seeds), folder, name)
        first = results.errors(name) if first is None else first
        print(row(results, name, first), flush=True)


if __name__ == "__main__":
    command.run(main)
