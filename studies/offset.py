"""How far to one side are faces annotated, and what is it worth that a model knows?

    python -m studies.offset MODEL... [--crops CROPS] [--recipe recipes/300w_small.yaml]

MODELs are folders that trainings wrote, of mirrored faces as well as of plain ones; CROPS are shards that preprocess cut by the
recipe. Of each model, whose own offset is left out: how far right of its answers the landmarks lie, on plain faces and on the same
in the mirror, where what annotators did lies on the other side, and what a model or a decoder does would not; then NME, as it is and
moved as `train.fit_mirror_offset` would move the model's answers, which is not at all where the validation faces show no offset for
sure. Prints Markdown.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from components.geometry import mirror
from components.metrics import PROTOCOLS, bootstrap_interval, nme
from components.model import LandmarkModel
from pipelines.params import Params, load_params
from pipelines.runtime import command
from pipelines.training.batches import Batch
from pipelines.training.mirror_offset import Offset, measure_offset
from pipelines.training.validation import validation_batches
from studies.inputs.crops import read_crops

HEADER = "| model | faces | right of its answers, crop px (95%) | in the mirror | NME | moved | difference (95%) |"


def in_the_mirror(faces: Batch, flip: tuple[int, ...]) -> Batch:
    """The same faces as mirror images: pixels (N, 3, H, W) and landmarks (N, K, 2), crop px."""
    pixels = np.ascontiguousarray(faces["pixels"][..., ::-1])
    return {"pixels": pixels, "landmarks": mirror(faces["landmarks"], pixels.shape[-1])[:, list(flip)]}


def errors(model: LandmarkModel, faces: list[Batch], params: Params) -> np.ndarray:
    """NME of each face that the recipe's protocol can measure, in per cent."""
    protocol, scheme, found = PROTOCOLS[params.evaluate.protocol], model.config.scheme, []
    for batch in faces:
        measured, truth = protocol.measurable(batch["landmarks"], scheme), batch["landmarks"]
        answers = model.predict_crops(batch["pixels"][measured].transpose(0, 2, 3, 1)).landmarks
        found.append(100 * nme(answers, truth[measured], protocol.normalise(truth[measured], scheme)))
    return np.concatenate(found)


def rows(folder: Path, splits: dict[str, list[Batch]], params: Params) -> list[str]:
    """A model's lines of the table, one for each split; the first one's offset moves the answers of all."""
    loaded, kept = LandmarkModel.load(folder), 0.0
    model, lines = loaded.under(replace(loaded.config, mirror_offset=0.0)), list[str]()
    flip = model.config.scheme.flip
    for split, faces in splits.items():
        found = measure_offset(model, faces)
        mirrored = measure_offset(model, [in_the_mirror(batch, flip) for batch in faces])
        kept = kept if lines else found.kept
        moving = model.under(replace(model.config, mirror_offset=kept))
        as_it_is, moved = (errors(each, faces, params) for each in (model, moving))
        low, high = bootstrap_interval(moved - as_it_is)
        cells = [
            str(folder),
            f"{split}, {len(moved)}",
            shown(found),
            shown(mirrored),
            f"{as_it_is.mean():.2f}%",
            f"{moved.mean():.2f}%",
            f"{(moved - as_it_is).mean():.2f}% ({low:.2f}% to {high:.2f}%)",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def shown(offset: Offset) -> str:
    return f"{offset.median:.2f} ({offset.low:.2f} to {offset.high:.2f})"


def main(
    models: Annotated[list[Path], typer.Argument(help="Folders of models.")],
    crops: Annotated[Path | None, typer.Option(help="Shards; by default artifacts/NAME/crops of the recipe.")] = None,
    recipe: Annotated[Path, typer.Option(help="That the crops were cut by.")] = Path("recipes/300w_small.yaml"),
) -> None:
    """Measures how far to one side the faces are annotated, by each model."""
    torch.set_num_threads(1)
    params = load_params(recipe)
    folder = crops or Path("artifacts") / params.name / "crops"
    splits = {
        split: list(validation_batches(params, read_crops(folder, split, params), 0, 1)) for split in ("val", "test")
    }
    print(HEADER)
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for model in models:
        print("\n".join(rows(model, splits, params)), flush=True)


if __name__ == "__main__":
    command.run(main)
