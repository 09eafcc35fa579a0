"""Does an exported model find on photographs what the model itself finds, in single and in half precision?

    python -m studies.exported MODEL [--crops CROPS] [--recipe recipes/300w_small.yaml]

MODEL is a folder that a training wrote; CROPS are shards that preprocess cut by the recipe. On the test faces: how far apart the landmarks
lie that are found by the model and by each exported file, in px of the crop, the share that `heatmark export` would call elsewhere, and NME.
Prints Markdown.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import torch
import typer

from components.metrics import PROTOCOLS, nme
from components.model import LandmarkModel
from pipelines.params import Params, load_params
from pipelines.runtime import command
from pipelines.serving.export import WITHIN_PX, write
from pipelines.serving.onnx_model import OnnxModel
from pipelines.training.batches import Batch
from pipelines.training.validation import validation_batches
from studies.inputs.crops import read_crops

PRECISION = {False: "single", True: "half"}


def found_on(model: LandmarkModel | OnnxModel, faces: list[Batch]) -> np.ndarray:
    """Landmarks (N, K, 2), crop px."""
    crops = (batch["pixels"].transpose(0, 2, 3, 1) for batch in faces)
    return np.concatenate([model.predict_crops(np.ascontiguousarray(pixels)).landmarks for pixels in crops])


def mean_error(found: np.ndarray, faces: list[Batch], params: Params) -> float:
    """NME of the faces that the recipe's protocol can measure, in per cent."""
    truth = np.concatenate([batch["landmarks"] for batch in faces])
    protocol, scheme = PROTOCOLS[params.evaluate.protocol], params.model().scheme
    measured = protocol.measurable(truth, scheme)
    return float(100 * nme(found[measured], truth[measured], protocol.normalise(truth[measured], scheme)).mean())


def main(
    model: Annotated[Path, typer.Argument(help="Folder of a model.")],
    crops: Annotated[Path | None, typer.Option(help="Shards; by default artifacts/NAME/crops of the recipe.")] = None,
    recipe: Annotated[Path, typer.Option(help="That the crops were cut by.")] = Path("recipes/300w_small.yaml"),
) -> None:
    """Compares a model with what is exported of it."""
    torch.set_num_threads(1)
    params, loaded = load_params(recipe), LandmarkModel.load(model)
    folder = crops or Path("artifacts") / params.name / "crops"
    faces = list(validation_batches(params, read_crops(folder, "test", params), 0, 1))
    own = found_on(loaded, faces)
    print("| precision | landmarks | median apart, px | at most | elsewhere | NME | the model's own |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for half, name in PRECISION.items():
        with TemporaryDirectory() as place:
            path = Path(place) / "model.onnx"
            write(loaded, path, {}, half)
            found = found_on(OnnxModel(path, num_threads=1), faces)
        apart = np.linalg.norm(found - own, axis=-1)
        elsewhere = f"{(apart > WITHIN_PX[half]).mean():.2%} by over {WITHIN_PX[half]} px"
        cells = [name, f"{apart.size:,}", f"{np.median(apart):.2g}", f"{apart.max():.2g}", elsewhere]
        errors = [f"{mean_error(each, faces, params):.3f}%" for each in (found, own)]
        print(f"| {' | '.join([*cells, *errors])} |", flush=True)


if __name__ == "__main__":
    command.run(main)
