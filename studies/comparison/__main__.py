"""Which codec, loss and decoder finds landmarks best, on the same faces, network, epochs and seeds?

    python -m studies.comparison train CROPS runs/comparison [--base RECIPE] [--variants NAME]... [--seeds N]... [--epochs N]
    python -m studies.comparison measure CROPS runs/comparison [the same options] [--kept docs/comparison.jsonl]
    python -m studies.comparison table [--kept docs/comparison.jsonl] [--against NAME] [--seeds N]... [--epochs N]
    python -m studies.comparison draw FILE.png [--kept docs/comparison.jsonl]

CROPS are the shards that preprocess cut by the base recipe, of any dataset; scheme and protocol are the base's. `train` trains
every variant with every seed, two at a time, one process and one thread each; a run that is done already is passed over, and
one that was cut short starts from its last checkpoint. `measure` writes what the finished ones say of each test face into a
small file, beside what is there of other days; `table` prints the tables of docs/results.md from that file alone, and `draw`
draws all that is in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from components.configuration import check_known
from pipelines.own_crops import check_crops
from pipelines.params import Params, load_params
from pipelines.runtime import command
from studies.comparison.measured import Faces, Kept
from studies.comparison.measuring import measured
from studies.comparison.tables import Tables
from studies.comparison.variants import VARIANTS, recipe_of
from studies.trainings.results import Results
from studies.trainings.run import Run, train_all

Crops = Annotated[Path, typer.Argument(help="Shards that preprocess cut by the base recipe.")]
Out = Annotated[Path, typer.Argument(help="The folder that has, or gets, one for each training.")]
SOME = 'Which, as "subpixel, MSE" (all are in variants.py); may be given several times.'
Base = Annotated[Path, typer.Option(help="The recipe that all variants share.")]
Some = Annotated[list[str], typer.Option(help=SOME, show_default="all")]
Seeds = Annotated[list[int], typer.Option(help="One training with each; may be given several times.", min=0)]
Epochs = Annotated[int, typer.Option(help="Of a variant that trains on one view.", min=1)]
KeptFile = Annotated[Path, typer.Option("--kept", help="The small file that keeps what was measured.")]
BASE, KEPT = Path("recipes/300w_comparison.yaml"), Path("docs/comparison.jsonl")


def train(
    crops: Crops,
    out: Out,
    base: Base = BASE,
    variants: Some = list(VARIANTS),  # noqa: B006
    seeds: Seeds = [0, 1, 2],  # noqa: B006
    epochs: Epochs = 50,
    at_once: Annotated[int, typer.Option(help="How many train side by side.", min=1)] = 2,
) -> None:
    """Trains the variants on the shards in CROPS; writes to OUT."""
    torch.set_num_threads(1)
    recipes = wanted(out, base, variants, seeds, epochs)
    for split in ("train", "val", "test"):
        check_crops(crops, split, load_params(base))
    train_all({run: (params, crops) for run, params in recipes.items()}, at_once)
    print(f"comparison: {len(recipes)} runs are in {out}; `measure` reads them")


def measure(
    crops: Crops,
    out: Out,
    base: Base = BASE,
    variants: Some = list(VARIANTS),  # noqa: B006
    seeds: Seeds = [0, 1, 2],  # noqa: B006
    epochs: Epochs = 50,
    file: KeptFile = KEPT,
) -> None:
    """Measures what is done in OUT on the test faces in CROPS, and keeps it; what the file has of others stays."""
    torch.set_num_threads(1)
    recipes = wanted(out, base, variants, seeds, epochs)
    done = [run for run in recipes if run.done]
    if not done:
        raise ValueError(f"none of the {len(recipes)} trainings is in {out}: `train` makes them")
    for run in done:
        run.check(recipes[run])
    results = Results.of(out, (done[0].seed,), crops, done[0].name)
    kept = kept_so_far(file, Faces.of(results))
    for run in done:
        kept = kept.with_one(measured(run, epochs, results))
        print(f"{run}: measured", flush=True)
    kept.write(file)
    print(f"comparison: {file} has {len(kept.trainings)} trainings; `table` shows them")


def table(
    file: KeptFile = KEPT,
    against: Annotated[str, typer.Option(help="The variant that others are held against.")] = "rounded, MSE",
    seeds: Seeds = [0, 1, 2],  # noqa: B006
    epochs: Epochs = 50,
) -> None:
    """Prints what was measured as Markdown: the variants of which every seed is done."""
    check_known(VARIANTS, "variant", against)
    tables = Tables(Kept.read(file), against, tuple(seeds), epochs)
    faces = tables.kept.faces
    print(f"{len(faces.faces)} test faces, {faces.scheme}, protocol {faces.protocol}, {faces.recipe}\n")
    for lines in (tables.variants(), tables.pairs(), tables.decoders()):
        print("\n".join(lines), end="\n\n")


def draw(
    figure: Annotated[Path, typer.Argument(metavar="FILE", help="To write, a PNG.")],
    file: KeptFile = KEPT,
) -> None:
    """Draws what was measured: each variant's NME with its interval, by budget, over all seeds that it has."""
    from studies.comparison import drawing  # matplotlib: the others start without it

    drawing.draw(Kept.read(file), figure)
    print(f"comparison: {figure}")


def kept_so_far(file: Path, faces: Faces) -> Kept:
    """What the file has; it may not be there yet.

    Raises:
        ValueError: It is of other faces, another protocol or another base recipe.
    """
    if not file.exists():
        return Kept(faces, {})
    kept = Kept.read(file)
    if kept.faces != faces:
        raise ValueError(f"{file} is of {kept.faces.recipe}, or of other faces than these: choose another by --kept")
    return kept


def wanted(out: Path, base: Path, variants: list[str], seeds: list[int], epochs: int) -> dict[Run, Params]:
    """The trainings asked for, and the recipe of each.

    Raises:
        ValueError: An unknown variant.
    """
    shared = load_params(base)
    for variant in variants:
        check_known(VARIANTS, "variant", variant)
    return {Run(out, name, seed): recipe_of(shared, name, seed, epochs) for seed in seeds for name in variants}


if __name__ == "__main__":
    command.run(train, measure, table, draw)
