"""Does a model know how sure it is?

    python -m studies.sure MODEL [--crops CROPS] [--recipe recipes/300w_small.yaml]

MODEL is a folder that a training wrote, CROPS are shards that preprocess cut by the recipe. The errors that are to be expected are
fitted on the validation faces, as `pipelines.train` does it, whatever the model itself knows of them; then they are held against the
errors of the test faces: of the half of them that the model is surer of against the other half, face by face, landmark by landmark,
by part of the face and, where the dataset says which landmarks are hidden, of visible and of hidden ones. At last, what each part of the fit is worth, on validation faces that it did not see, and how much hangs on
which validation faces there are. Errors in per cent of the normaliser. Prints Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import torch
import typer
from scipy.stats import spearmanr

from components.calibration import ExpectedError
from components.metrics import PROTOCOLS, Protocol, bootstrap_difference, calibration
from components.metrics.errors import labelled_mean
from components.metrics.selective import Bin, halves
from components.model import LandmarkModel
from components.schemes import Scheme
from pipelines.pages.report import landmark_groups
from pipelines.params import load_params
from pipelines.runtime import command
from pipelines.runtime.tables import from_column
from pipelines.training.crops import VISIBLE
from pipelines.training.expected_error import (
    FEWEST_FACES,
    count_faces,
    falling_curve,
    fit_expected_error,
    measure_errors,
)
from pipelines.training.validation import validation_batches
from studies.inputs.crops import read_crops

BINS, FOLDS, DRAWS = 10, 5, 40
# Validation faces, so that those of all folds but one can be fitted on.
ENOUGH = FEWEST_FACES * FOLDS // (FOLDS - 1)


def fitted(confidence: np.ndarray, error: np.ndarray) -> ExpectedError:
    """What enough faces say, (N, K) each."""
    found = fit_expected_error(confidence, error, "")
    assert found is not None
    return found


def one_curve(confidence: np.ndarray, error: np.ndarray) -> ExpectedError:
    """The same for all landmarks, whatever their faces are."""
    known = ~np.isnan(error)
    knots, heights = falling_curve(confidence[known], error[known], np.ones(known.sum()))
    return ExpectedError("", tuple(knots.tolist()), tuple(heights.tolist()), (1.0,) * error.shape[1], 1.0, 0.0)


def one_by_one(confidence: np.ndarray, error: np.ndarray) -> ExpectedError:
    """With factors of the landmarks, whatever their faces are; scaled to the mean error that there is."""
    known = replace(fitted(confidence, error), power=0.0)
    one, other = of_landmarks(known.at(confidence), error)
    return replace(known, factor=tuple(factor * other.mean() / one.mean() for factor in known.factor))


FITS = {"one curve": one_curve, "factors of landmarks": one_by_one, "and a power of faces": fitted}


def of_faces(expected: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The means (N,) of both over the labelled landmarks of each face."""
    return labelled_mean(np.where(np.isnan(error), np.nan, expected)), labelled_mean(error)


def of_landmarks(expected: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both (M,), of all labelled landmarks."""
    return expected[~np.isnan(error)], error[~np.isnan(error)]


def halves_lines(expected: np.ndarray, error: np.ndarray) -> Iterator[str]:
    """A table of the two halves of the faces (N,), and how well the order of all is foreseen."""
    sure, other = halves(expected)
    yield from header("faces", "expected", "error")
    for name, of in ((f"the surer half, {len(sure)}", sure), (f"the other half, {len(other)}", other)):
        yield row(name, expected[of].mean(), error[of].mean())
    yield row("other minus surer (95%)", *(difference(each[other], each[sure]) for each in (expected, error)))
    yield row(f"all, {len(error)}", expected.mean(), error.mean())
    yield ""
    yield f"Rank correlation of the faces' errors with what was expected (Spearman): {spearmanr(expected, error)[0]:.2f}"


def difference(one: np.ndarray, other: np.ndarray) -> str:
    low, high = bootstrap_difference(one, other)
    return f"{one.mean() - other.mean():.2f}% ({low:.2f}% to {high:.2f}%)"


def bins_lines(what: str, expected: np.ndarray, error: np.ndarray) -> Iterator[str]:
    """A table of bins (M,) by what is expected."""
    yield from header(what, "expected", "error")
    for part in calibration(expected, error, BINS):
        yield row(part.size, part.expected, part.observed)


def parts_lines(names: tuple[str, ...], error: np.ndarray, *expected: np.ndarray) -> Iterator[str]:
    """A table of the parts of the face: the error (N, K), and what is expected by each of some fits."""
    yield from header("part", "error", "expected", "by one curve")
    means = []
    for values in (error, *expected):
        by_landmark = labelled_mean(np.where(np.isnan(error), np.nan, values), axis=0).tolist()
        known = {name: mean for name, mean in zip(names, by_landmark, strict=True) if not np.isnan(mean)}
        means.append({group["name"]: group["mean"] for group in landmark_groups(known)})
    for name in means[0]:
        yield row(name, *(of[name] for of in means))


def flags(crops: pa.Table, scheme: Scheme, protocol: Protocol) -> np.ndarray:
    """Which landmarks are visible (N, K), 1, 0 or NaN, of the faces that the protocol can measure."""
    measured = protocol.measurable(from_column(crops, "crop_landmarks", scheme.num_landmarks, 2), scheme)
    if VISIBLE not in crops.column_names:  # cut before that was kept
        return np.full((measured.sum(), scheme.num_landmarks), np.nan)
    return from_column(crops, VISIBLE, scheme.num_landmarks)[measured]


def hidden_lines(visible: np.ndarray, error: np.ndarray, *expected: np.ndarray) -> Iterator[str]:
    """A table of visible and hidden landmarks: the error (N, K), and what is expected by each of some fits; nothing if none is hidden."""
    kinds = {"visible": (visible == 1) & ~np.isnan(error), "hidden": (visible == 0) & ~np.isnan(error)}
    if all(of.any() for of in kinds.values()):
        yield from header("landmarks", "how many", "error", "expected", "by one curve")
        for name, of in kinds.items():
            yield row(name, int(of.sum()), *(float(values[of].mean()) for values in (error, *expected)))


def fits_lines(confidence: np.ndarray, error: np.ndarray) -> Iterator[str]:
    """A table of what each part of the fit is worth: of validation faces (N, K), by those of the other folds."""
    fold = np.random.default_rng(0).permutation(len(error)) % FOLDS
    yield from header(f"{FOLDS} folds", "a landmark's square off", "a face's", "landmarks' bins off", "faces' bins off")
    for name, fit in FITS.items():
        expected = np.empty_like(error)
        for number in range(FOLDS):
            seen = fold != number
            expected[~seen] = fit(confidence[seen], error[seen]).at(confidence[~seen])
        pairs = of_landmarks(expected, error), of_faces(expected, error)
        squares = (f"{((one - other) ** 2).mean():.2f}" for one, other in pairs)
        yield row(name, *squares, *(bins_off(calibration(*pair, BINS)) for pair in pairs))


def bins_off(bins: list[Bin]) -> float:
    return float(np.mean([abs(part.expected - part.observed) for part in bins]))


def drawn_line(confidence: np.ndarray, error: np.ndarray, test: np.ndarray) -> str:
    """How much hangs on which validation faces (N, K) there are: what is expected of test faces of a confidence (M, K)."""
    rng = np.random.default_rng(0)
    drawn = (rng.choice(len(error), FEWEST_FACES, replace=False) for _ in range(DRAWS))
    means = [fitted(confidence[rows], error[rows]).at(test).mean() for rows in drawn]
    return (
        f"By {FEWEST_FACES} of the validation faces, drawn {DRAWS} times, {np.mean(means):.2f}% is expected of the test faces, "
        f"with a standard deviation of {np.std(means):.2f}%"
    )


def header(*names: str) -> Iterator[str]:
    yield ""
    yield row(*names)
    yield row(*["---"] * len(names))


def row(*cells: object) -> str:
    return "| " + " | ".join(f"{cell:.2f}%" if isinstance(cell, float) else str(cell) for cell in cells) + " |"


def main(
    model: Annotated[Path, typer.Argument(help="Folder of a model.")],
    crops: Annotated[Path | None, typer.Option(help="Shards; by default artifacts/NAME/crops of the recipe.")] = None,
    recipe: Annotated[Path, typer.Option(help="That the crops were cut by.")] = Path("recipes/300w_small.yaml"),
) -> None:
    """Fits on the validation faces of CROPS what errors MODEL is to expect, and holds that against those of the test faces.

    Raises:
        ValueError: The validation faces are too few.
    """
    torch.set_num_threads(1)
    params, network = load_params(recipe), LandmarkModel.load(model)
    protocol, folder = PROTOCOLS[params.evaluate.protocol], crops or Path("artifacts") / params.name / "crops"
    crops_of = {split: read_crops(folder, split, params) for split in ("val", "test")}
    val, test = (
        measure_errors(network, validation_batches(params, faces, 0, 1), protocol) for faces in crops_of.values()
    )
    confidence, error = test
    if count_faces(val[1]) < ENOUGH:
        raise ValueError(
            f"{folder} has {count_faces(val[1])} validation faces that can be measured: {ENOUGH} are enough, to fit on most of them "
            "and look at the others"
        )
    known = fitted(*val)
    expected, plain = (fit.at(confidence).astype(np.float64) for fit in (known, one_curve(*val)))
    print(
        f"Fitted on {len(val[1])} validation faces: {len(known.error)} knots, power {known.power:.2f}. Of the test faces:"
    )
    for lines in (
        halves_lines(*of_faces(expected, error)),
        bins_lines("faces", *of_faces(expected, error)),
        bins_lines("landmarks", *of_landmarks(expected, error)),
        parts_lines(network.config.scheme.names, error, expected, plain),
        hidden_lines(flags(crops_of["test"], network.config.scheme, protocol), error, expected, plain),
        fits_lines(*val),
        ["", drawn_line(*val, confidence)],
    ):
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    command.run(main)
