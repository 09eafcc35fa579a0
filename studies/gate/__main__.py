"""How often does the gate promote a model that is no better, and how small a gain can it see?

    python -m studies.gate RECIPE --crops CROPS --seeds N --seeds N... [--out runs/recipes] [--figure docs/gate.png]

Trains RECIPE with each seed (a training that is done already is passed over: `heatmark study recipes` keeps them in the same
place), takes the errors of the test faces, and draws from them test sets, champions and nightly challengers. The gate that a
retraining asks is asked about each. Prints Markdown, and draws the curves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import torch
import typer

from pipelines.params import PromotionParams, load_params
from pipelines.runtime import command
from studies.gate.figure import write_figure
from studies.gate.models import Trainings
from studies.gate.simulate import better_by, but_worse_on, promoted, replaced_on, smallest
from studies.inputs.recipe import with_changes
from studies.trainings.results import Results
from studies.trainings.run import Run, train_all

NIGHTS = 365
DIFFERENCES = np.array([0, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12])
# Of 300-W here, of 300-W's own test set, and of WFLW's.
FACES = (119, 689, 2500)
POWER = 0.8
# Better on the mean, and on a subset worse by as much.
TILT = 0.1
MODELS, RECIPES, SINGLE = "the gate", "the gate, seeds counted", "95% interval each night"


def trainings_of(results: Results, name: str) -> Trainings:
    """The errors of all seeds, as fractions."""
    faces = results.faces
    measured = results.measured
    subjects = np.array(faces.column("subject").to_pylist())[measured]
    subsets = faces.column("subsets").filter(pa.array(measured)).to_pylist()
    return Trainings(results.errors(name) / 100, subjects, subsets)


def main(
    recipe: Annotated[Path, typer.Argument(help="Whose trainings stand for a night's.")],
    crops: Annotated[Path, typer.Option(help="Shards that preprocess cut by it.")],
    seeds: Annotated[list[int], typer.Option(help="One training with each; ten tell the spread.", min=0)],
    out: Annotated[Path, typer.Option(help="A folder for each training goes here.")] = Path("runs/recipes"),
    figure: Annotated[Path, typer.Option(help="The curves, a PNG.")] = Path("runs/gate.png"),
    years: Annotated[int, typer.Option(help="That are simulated.", min=1)] = 1000,
    times: Annotated[int, typer.Option(help="Single looks for each point of a curve.", min=1)] = 1000,
    at_once: Annotated[int, typer.Option(help="How many train side by side.", min=1)] = 2,
) -> None:
    """Trains what is missing, simulates, and prints what came out."""
    if len(seeds) < 2:
        raise ValueError("what seeds differ by takes two of them or more: --seeds 0 --seeds 1 ...")
    torch.set_num_threads(1)
    params = load_params(recipe)
    runs = {
        Run(out, params.name, seed): with_changes(params, {"train": {"seed": seed, "num_workers": 0}}) for seed in seeds
    }
    train_all({run: (of, crops) for run, of in runs.items()}, at_once)
    trainings = trainings_of(Results.of(out, tuple(seeds), crops, params.name), params.name)
    policy = params.promotion
    print(
        f"{len(seeds)} trainings of {params.name}: NME {trainings.nme.mean():.2%} on {trainings.nme.shape[1]} faces; seeds differ by "
        f"{trainings.spread:.2%} of it (standard deviation over all faces), promotion.seed_spread is {policy.seed_spread:.2%}\n"
    )
    replaced = error_table(trainings, policy, years)
    power = power_table(trainings, policy, times)
    guard_table(trainings, policy, times)
    write_figure(figure, replaced, NIGHTS, DIFFERENCES, power, policy.error_per_year)
    print(f"\nThe curves: {figure}")


def rules_of(policy: PromotionParams, spread: float) -> dict[str, PromotionParams]:
    """The gate that asks for a better model; for a better recipe, where seeds differ by `spread`; and a look at 95% each night."""
    models = policy.model_copy(update={"guards": {}, "seed_spread": 0.0})
    return {
        MODELS: models,
        RECIPES: models.model_copy(update={"seed_spread": spread}),
        SINGLE: models.model_copy(update={"error_per_year": 0.025, "looks_per_year": 1}),
    }


def error_table(trainings: Trainings, policy: PromotionParams, years: int) -> dict[str, np.ndarray]:
    """Prints how often a champion is replaced that is as good; returns the nights on the smallest of the test sets, by rule."""
    null = {"equally good on all faces": trainings.equal(), "trained with another seed": trainings}
    days = (1, 7, 30, NIGHTS)
    print(f"| replaced by a model | rule | test faces | {' | '.join(f'{n} nights' for n in days)} |")
    print("| --- |" + " --- |" * (len(days) + 2))
    shown: dict[str, np.ndarray] = {}
    for kind, models in null.items():
        for rule, asked in rules_of(policy, trainings.spread).items():
            for faces in FACES:
                first = replaced_on(models, asked, faces, NIGHTS, years)
                shares = " | ".join(f"{(first < n).mean():.1%}" for n in days)
                print(f"| {kind} | {rule} | {faces:,} | {shares} |", flush=True)
                shown.setdefault(rule, first)
    return shown


def power_table(trainings: Trainings, policy: PromotionParams, times: int) -> dict[str, np.ndarray]:
    """Prints how often a better model is promoted at a single look; returns the same, by rule and number of faces."""
    shares = " | ".join(f"{share:.0%}" for share in DIFFERENCES)
    print(f"\n| promoted, of models better by | test faces | {shares} | {POWER:.0%} are from |")
    print("| --- |" + " --- |" * (len(DIFFERENCES) + 2))
    power = {}
    # What seeds differ by is no part of the one question, and noise in the other.
    for rule, models in ((MODELS, trainings.equal()), (RECIPES, trainings)):
        asked = rules_of(policy, trainings.spread)[rule]
        for faces in FACES:
            seen = [promoted(models, asked, faces, better_by(share), times) for share in DIFFERENCES]
            power[f"{rule}, {faces:,} faces"] = np.array(seen)
            least = smallest(DIFFERENCES, np.array(seen), POWER)
            shown = " | ".join(f"{share:.0%}" for share in seen)
            print(f"| {rule} | {faces:,} | {shown} | {least:.1%} |", flush=True)
    return power


def guard_table(trainings: Trainings, policy: PromotionParams, times: int) -> None:
    """Prints how often a model is promoted that is worse on a subset and better elsewhere, with and without a guard."""
    names = sorted({name for face in trainings.subsets for name in face or ()})
    if not names:
        return
    print(
        f"\n| promoted, of models {TILT:.0%} worse on a subset, {2 * TILT:.0%} better elsewhere | faces | no guard | guard of 5% |"
    )
    print("| --- | --- | --- | --- |")
    for name in names:
        tilt = but_worse_on(trainings, name, 2 * TILT, TILT)
        for faces in FACES[:2]:
            shares = [
                promoted(trainings, policy.model_copy(update={"guards": guards}), faces, tilt, times)
                for guards in ({}, {name: 0.05})
            ]
            print(f"| {name} | {faces:,} | {shares[0]:.0%} | {shares[1]:.0%} |", flush=True)


if __name__ == "__main__":
    command.run(main)
