"""Which codec, loss and decoder finds landmarks best, on the same faces, network, epochs and seeds?

    python -m studies.comparison train CROPS runs/comparison [--base recipes/300w_comparison.yaml] [--variants NAME]... [--seeds N]...
    python -m studies.comparison table CROPS runs/comparison

CROPS are the shards that preprocess cut by the base recipe, of any dataset; scheme and protocol are the base's. The first
command trains every variant with every seed, two at a time, one process and one thread each; a run that is done already
is passed over, and one that was cut short starts from its last checkpoint. The second prints the tables of
docs/results.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from components.configuration import check_known
from pipelines.params import load_params
from pipelines.runtime import command
from studies.comparison.tables import decoder_table, pair_table, variant_table
from studies.comparison.variants import VARIANTS, recipe_of
from studies.inputs.crops import check_crops
from studies.trainings.results import Results
from studies.trainings.run import Run, train_all

Crops = Annotated[Path, typer.Argument(help="Shards that preprocess cut by the base recipe.")]
Out = Annotated[Path, typer.Argument(help="A folder for each training goes here.")]
SOME = 'Which, as "subpixel, MSE" (all are in variants.py); may be given several times.'
Seeds = Annotated[list[int], typer.Option(help="One training with each; may be given several times.", min=0)]


def train(
    crops: Crops,
    out: Out,
    base: Annotated[Path, typer.Option(help="The recipe that all variants share.")] = Path(
        "recipes/300w_comparison.yaml"
    ),
    variants: Annotated[list[str], typer.Option(help=SOME, show_default="all")] = list(VARIANTS),  # noqa: B006
    seeds: Seeds = [0, 1, 2],  # noqa: B006
    epochs: Annotated[int, typer.Option(help="Of a variant that trains on one view.", min=1)] = 50,
    at_once: Annotated[int, typer.Option(help="How many train side by side.", min=1)] = 2,
) -> None:
    """Trains the variants on the shards in CROPS; writes to OUT."""
    torch.set_num_threads(1)
    shared = load_params(base)
    for variant in variants:
        check_known(VARIANTS, "variant", variant)
    wanted = {
        Run(out, name, seed): (recipe_of(shared, name, seed, epochs), crops) for seed in seeds for name in variants
    }
    for split in ("train", "val", "test"):
        check_crops(crops, split, shared)
    train_all(wanted, at_once)
    print(f"comparison: {len(wanted)} runs are in {out}; `table` shows them")


def table(
    crops: Crops,
    out: Out,
    against: Annotated[str, typer.Option(help="The variant that others are held against.")] = "rounded, MSE",
    seeds: Seeds = [0, 1, 2],  # noqa: B006
) -> None:
    """Prints what was measured as Markdown: the variants in OUT of which every seed is done."""
    torch.set_num_threads(1)
    check_known(VARIANTS, "variant", against)
    results = Results.of(out, tuple(seeds), crops, against)
    faces, params = len(results.faces), results.params
    print(f"{faces} test faces, {params.scheme}, protocol {params.evaluate.protocol}\n")
    for lines in (variant_table(results, against), pair_table(results), decoder_table(results)):
        for line in lines:
            print(line, flush=True)
        print()


if __name__ == "__main__":
    command.run(train, table)
