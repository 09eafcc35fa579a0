"""How much does it matter how well a face's box fits, and what does a second look mend?

    python -m studies.boxes MODEL [--crops CROPS] [--recipe recipes/300w_small.yaml] [--figure FILE.png]

MODEL is a folder that a training wrote; CROPS are shards that preprocess cut by the recipe. Each test face is looked for in boxes
that are moved, each in a direction of its own, by a share of their longer side, or larger or smaller by a factor, or both,
with one look, two and three. The stored crops are the pictures: what a box too large would show beyond their edge is
gray. Prints Markdown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import matplotlib as mpl
import numpy as np
import torch
import typer
from matplotlib.figure import Figure

from components.geometry import apply
from components.images import decode_own
from components.metrics import PROTOCOLS, bootstrap_interval, nme
from components.model import LandmarkModel
from components.samples import tight_boxes
from pipelines.params import Params, load_params
from pipelines.runtime import command
from pipelines.runtime.outputs import whole_file
from pipelines.runtime.tables import from_column
from pipelines.serving.model import Model
from studies.inputs.crops import read_crops

# Shares of the longer side, and factors; then both at their worst.
BOXES = [(0.0, 1.0), (0.05, 1.0), (0.1, 1.0), (0.15, 1.0), (0.2, 1.0), (0.0, 0.8), (0.0, 0.9), (0.0, 1.1), (0.0, 1.2), (0.2, 0.8), (0.2, 1.2)]  # fmt: skip
PASSES = (1, 2, 3)
LABELS = ("moved by, of the box's longer side", "larger by the factor")


class Faces(NamedTuple):
    """Test faces, each on a picture of its own.

    Attributes:
        pictures: (H, W, 3) uint8 RGB.
        landmarks: (N, K, 2), (x, y), px of its picture.
        boxes: (N, 4), tight, px of its picture.
    """

    pictures: list[np.ndarray]
    landmarks: np.ndarray
    boxes: np.ndarray

    @classmethod
    def of(cls, folder: Path, params: Params) -> Faces:
        """Those of the crops that the recipe's protocol can measure."""
        table = read_crops(folder, "test", params)
        scheme, protocol = params.model().scheme, PROTOCOLS[params.evaluate.protocol]
        truth = from_column(table, "landmarks", scheme.num_landmarks, 2).astype(np.float64)
        landmarks = apply(from_column(table, "affine", 2, 3), truth)  # a similarity: no share of a length changes by it
        measured = protocol.measurable(landmarks, scheme) & protocol.covers(table.column("subsets").to_pylist())
        pictures = [decode_own(data.as_buffer()) for data in table.column("pixels").filter(measured)]
        return cls(pictures, landmarks[measured], tight_boxes(landmarks[measured]))


def changed(boxes: np.ndarray, shift: float, scale: float) -> np.ndarray:
    """Boxes (N, 4) moved by a share of their longer side, each in a direction of its own, and larger by a factor."""
    size = boxes[:, 2:] - boxes[:, :2]
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, len(boxes))
    moved = shift * size.max(axis=1, keepdims=True) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centre = (boxes[:, 2:] + boxes[:, :2]) / 2 + moved
    return np.concatenate([centre - scale * size / 2, centre + scale * size / 2], axis=1)


def errors(model: Model, faces: Faces, boxes: np.ndarray, passes: int, params: Params) -> np.ndarray:
    """NME of each face, in per cent."""
    found = model.find(faces.pictures, list(boxes), passes).landmarks
    normaliser = PROTOCOLS[params.evaluate.protocol].normalise(faces.landmarks, model.scheme)
    return 100 * nme(found, faces.landmarks, normaliser)


def looks(passes: int) -> str:
    return f"{passes} look{'s' * (passes > 1)}"


def draw(measured: dict[tuple[float, float], list[np.ndarray]], path: Path) -> None:
    """NME by shift, and by scale, a line for each number of looks."""
    with mpl.rc_context({"svg.hashsalt": "heatmark"}):
        figure = Figure((8, 3), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        moved = sorted(each for each in measured if each[1] == 1)
        scaled = sorted(each for each in measured if each[0] == 0)
        for axis, place, chosen, label in zip(axes, (0, 1), (moved, scaled), LABELS, strict=True):
            for number, passes in enumerate(PASSES):
                means = [measured[each][number].mean() for each in chosen]
                axis.plot([each[place] for each in chosen], means, marker="o", label=looks(passes))
            axis.set_xlabel(label)
            axis.grid(alpha=0.3)
        axes[0].set_ylabel("NME, %")
        axes[0].legend()
        with whole_file(path) as partial:
            figure.savefig(partial, format="png", dpi=120)


def main(
    model: Annotated[Path, typer.Argument(help="Folder of a model.")],
    crops: Annotated[Path | None, typer.Option(help="Shards; by default artifacts/NAME/crops of the recipe.")] = None,
    recipe: Annotated[Path, typer.Option(help="That the crops were cut by.")] = Path("recipes/300w_small.yaml"),
    figure: Annotated[Path | None, typer.Option(help="A picture of it is drawn here.")] = None,
) -> None:
    """Measures a model in boxes that fit less and less."""
    torch.set_num_threads(1)
    params = load_params(recipe)
    faces = Faces.of(crops or Path("artifacts") / params.name / "crops", params)
    finder = Model(LandmarkModel.load(model))
    measured: dict[tuple[float, float], list[np.ndarray]] = {}
    print(
        f"| box moved by | larger by | {' | '.join(looks(passes) for passes in PASSES)} | second look minus first (95%) |"
    )
    print("| --- " * (len(PASSES) + 3) + "|")
    for shift, scale in BOXES:
        boxes = changed(faces.boxes, shift, scale)
        found = measured[shift, scale] = [errors(finder, faces, boxes, passes, params) for passes in PASSES]
        low, high = bootstrap_interval(found[1] - found[0])
        gain = f"{(found[1] - found[0]).mean():.2f}% ({low:.2f}% to {high:.2f}%)"
        cells = [f"{shift:.0%}", f"{scale:g}", *(f"{each.mean():.2f}%" for each in found), gain]
        print(f"| {' | '.join(cells)} |", flush=True)
    if figure:
        draw(measured, figure)


if __name__ == "__main__":
    command.run(main)
