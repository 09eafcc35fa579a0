"""Does a model know how sure it is?

    python -m studies.sure MODEL [--crops CROPS] [--recipe recipes/300w_small.yaml]

MODEL is a folder that a training wrote, CROPS are shards that preprocess cut by the recipe. The errors that are to be expected are
fitted on the validation faces, as `pipelines.train` does it, whatever the model itself knows of them; then they are held against the
errors of the test faces: landmark by landmark, by part of the face, and of the half of the faces that the model is surer of against
the other half. At last, what factors for landmarks are worth, on validation faces that a fit did not see, and how much hangs on
which validation faces there are. Errors in per cent of the normaliser. Prints Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from scipy.stats import spearmanr

from components.expected_error import ExpectedError
from components.metrics import PROTOCOLS, bootstrap_difference, calibration
from components.metrics.errors import labelled_mean
from components.metrics.selective import halves
from components.model import LandmarkModel
from pipelines.pages.report import landmark_groups
from pipelines.params import Params, load_params
from pipelines.runtime import command
from pipelines.training.expected_error import FEWEST_FACES, ROUNDS, fit_expected_error, measure_errors
from pipelines.training.validation import validation_batches
from studies.inputs.crops import read_crops

BINS, FOLDS, DRAWS = 10, 5, 40
# Rounds of curve and factors; 0 is one curve for all landmarks.
TRIED = (0, 1, 2, 5)


def fitted(confidence: np.ndarray, error: np.ndarray, params: Params, rounds: int = ROUNDS) -> ExpectedError:
    """What some faces say, (N, K) each; after no round, one curve for all landmarks.

    Raises:
        ValueError: They are too few.
    """
    found = fit_expected_error(confidence, error, params.evaluate.protocol, max(rounds, 1))
    if found is None:
        raise ValueError(f"{len(error)} validation faces are too few to fit on: {FEWEST_FACES} are enough")
    return found if rounds else replace(found, factor=(1.0,) * len(found.factor))


def landmarks_lines(expected: np.ndarray, error: np.ndarray) -> Iterator[str]:
    """A table of all landmarks, in bins by what is expected."""
    yield from header("landmarks", "expected", "error")
    labelled = ~np.isnan(error)
    for part in calibration(expected[labelled], error[labelled], BINS):
        yield row(part.size, part.expected, part.observed)


def parts_lines(
    curves: list[ExpectedError], confidence: np.ndarray, error: np.ndarray, names: tuple[str, ...]
) -> Iterator[str]:
    """A table of the parts of the face, by a fit with factors of landmarks and by one without."""
    yield from header("part", "expected", "error", "expected without factors")
    known = ~np.isnan(error).all(axis=0)
    means = []
    for values in (curves[0].at(confidence), error, curves[1].at(confidence)):
        by_landmark = labelled_mean(np.where(np.isnan(error), np.nan, values), axis=0)
        of = {name: mean for name, mean, kept in zip(names, by_landmark.tolist(), known, strict=True) if kept}
        means.append({group["name"]: group["mean"] for group in landmark_groups(of)})
    for name in means[1]:
        yield row(name, *(of[name] for of in means))


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


def quality(expected: np.ndarray, error: np.ndarray) -> tuple[str, str, str]:
    """Mean squared errors of what is expected (N, K), of landmarks and of faces, and how far off the bins of landmarks are."""
    labelled = ~np.isnan(error)
    squares = (expected - error)[labelled] ** 2
    faces = labelled_mean(expected - error) ** 2
    bins = calibration(expected[labelled], error[labelled], BINS)
    deviation = np.mean([abs(part.expected - part.observed) for part in bins])
    return f"{squares.mean():.2f}", f"{np.nanmean(faces):.2f}", f"{deviation:.2f}%"


def difference(one: np.ndarray, other: np.ndarray) -> str:
    low, high = bootstrap_difference(one, other)
    return f"{one.mean() - other.mean():.2f}% ({low:.2f}% to {high:.2f}%)"


def fit_lines(confidence: np.ndarray, error: np.ndarray, test: np.ndarray, params: Params) -> Iterator[str]:
    """What factors are worth, and how much hangs on which faces are fitted on.

    Args:
        confidence: (N, K) of the validation faces.
        error: (N, K) of theirs.
        test: Confidence (M, K) of the test faces.
        params: Of the protocol.
    """
    rng = np.random.default_rng(0)
    fold = rng.permutation(len(error)) % FOLDS
    yield from header(
        f"rounds ({FOLDS} folds)", "squared error of a landmark's", "of a face's", "mean deviation in bins"
    )
    for rounds in TRIED:
        expected = np.empty_like(error)
        for number in range(FOLDS):
            seen = fold != number
            expected[~seen] = fitted(confidence[seen], error[seen], params, rounds).at(confidence[~seen])
        yield row(rounds, *quality(expected, error))
    drawn = (rng.choice(len(error), FEWEST_FACES, replace=False) for _ in range(DRAWS))
    means = [fitted(confidence[rows], error[rows], params).at(test).mean() for rows in drawn]
    yield ""
    yield (
        f"By {FEWEST_FACES} of the validation faces, drawn {DRAWS} times, {np.mean(means):.2f}% is expected of the test faces, with a "
        f"standard deviation of {np.std(means):.2f}%"
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
    """Fits on the validation faces of CROPS what errors MODEL is to expect, and holds that against those of the test faces."""
    torch.set_num_threads(1)
    params, network = load_params(recipe), LandmarkModel.load(model)
    protocol, folder = PROTOCOLS[params.evaluate.protocol], crops or Path("artifacts") / params.name / "crops"
    (confidence, error), (confidence_of_test, test) = (
        measure_errors(network, validation_batches(params, read_crops(folder, split, params), 0, 1), protocol)
        for split in ("val", "test")
    )
    curve = fitted(confidence, error, params)
    expected = curve.at(confidence_of_test).astype(np.float64)
    per_face = labelled_mean(np.where(np.isnan(test), np.nan, expected)), labelled_mean(test)
    print(
        f"Fitted on {len(error)} validation faces by {len(curve.error)} knots; {len(test)} test faces, {protocol.name}:"
    )
    for lines in (
        halves_lines(*per_face),
        landmarks_lines(expected, test),
        parts_lines(
            [curve, fitted(confidence, error, params, 0)], confidence_of_test, test, network.config.scheme.names
        ),
        fit_lines(confidence, error, confidence_of_test, params),
    ):
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    command.run(main)
