"""What error is to be expected at which confidence, fitted on validation faces after a training.

A confidence is how high or how narrow a peak is: a number that means nothing by itself. Held against the errors of faces that did
not train the network, it says how far off a landmark is to be expected. One falling curve serves all landmarks, multiplied by a
factor for each: without these the error of a jaw is expected too low, and that of an eye too high. A power sets faces apart whose
landmarks are unsure together: without it too little is expected of bad faces, and too much of good ones (docs/results.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from components.calibration import MOST_KNOTS, POWER, ExpectedError
from components.metrics import PROTOCOLS, Protocol
from components.metrics.errors import labelled_mean
from components.model import LandmarkModel
from pipelines.params import Params
from pipelines.training.batches import Batch
from pipelines.training.crops import Shards
from pipelines.training.validation import fitting_device, spread_batches

# By twenty photographs, what is expected of others is on the whole 7% of itself off (standard deviation; docs/results.md).
FEWEST_FACES = 20
# Of curve and factors, in turn: the first curve takes some of what landmarks differ by for a matter of confidence, and falls too
# steeply. After five rounds hardly anything changes.
ROUNDS = 5


def with_expected_error(model: LandmarkModel, val: Shards, params: Params) -> LandmarkModel:
    """The same network, which knows what errors to expect, if there are enough validation faces; says so."""
    protocol = PROTOCOLS[params.evaluate.protocol]
    confidence, error = measure_errors(model.to(fitting_device(params)), spread_batches(params, val), protocol)
    expected, num_faces = fit_expected_error(confidence, error, protocol.name), count_faces(error)
    if expected is None:
        print(
            f"train: the model does not know what errors to expect: {num_faces} validation faces are too few to tell, "
            f"{FEWEST_FACES} are enough",
            flush=True,
        )
    else:
        of_faces = expected.at(confidence).mean(axis=1)
        print(
            f"train: expected errors are fitted on {num_faces} validation faces: from {of_faces.min():.2f}% of {protocol.normaliser} "
            f"for the face that is expected to be the best, to {of_faces.max():.2f}% for the worst",
            flush=True,
        )
    return model.under(replace(model.config, expected_error=expected))


def measure_errors(model: LandmarkModel, batches: Iterable[Batch], protocol: Protocol) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and error (N, K), % of the normaliser, of the faces that the protocol can measure; NaN of no landmark.

    Args:
        model: As it will be used.
        batches: Plain faces: pixels (N, 3, H, W) uint8, landmarks (N, K, 2) crop px, NaN where there is none.
        protocol: That measures in px of the picture.
    """
    scheme = model.config.scheme
    confidence, error = [np.zeros((0, scheme.num_landmarks))], [np.zeros((0, scheme.num_landmarks))]
    for faces in batches:
        measured = protocol.measurable(faces["landmarks"], scheme)
        if measured.any():
            found = model.predict_crops(faces["pixels"][measured].transpose(0, 2, 3, 1))
            confidence.append(found.confidence)
            error.append(100 * protocol.relative_errors(found.landmarks, faces["landmarks"][measured], scheme))
    return np.concatenate(confidence), np.concatenate(error)


def count_faces(error: np.ndarray) -> int:
    """How many faces of errors (N, K) have a landmark."""
    return int((~np.isnan(error)).any(axis=1).sum())


def fit_expected_error(confidence: np.ndarray, error: np.ndarray, protocol: str) -> ExpectedError | None:
    """What these faces say; nothing, if they are too few.

    On these very faces, the mean error that is expected is the mean that they have.

    Args:
        confidence: (N, K), float32 or what is that exactly, 0 to 1.
        error: (N, K), % of the normaliser; NaN of no landmark.
        protocol: Name of the one whose normaliser it is.
    """
    if count_faces(error) < FEWEST_FACES:
        return None
    labelled = ~np.isnan(error)
    observed, factor = np.where(labelled, error, 0).sum(axis=0), np.ones(error.shape[1])
    for _ in range(ROUNDS):
        scale = np.broadcast_to(factor, error.shape)[labelled]
        knots, heights = falling_curve(confidence[labelled], error[labelled], scale)
        curve = np.interp(confidence, knots, heights)
        factor = _ratio(observed, np.where(labelled, curve, 0).sum(axis=0))
    power, usual, scaled = fit_power(curve * factor, error)
    places, values, factors = (tuple(of.tolist()) for of in (knots, heights, factor * scaled))
    return ExpectedError(protocol, places, values, factors, usual, power)


def _ratio(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One by the other; 1 where the other, and so both, is 0."""
    return np.divide(one, other, out=np.ones(one.shape), where=other > 0)


def fit_power(each: np.ndarray, error: np.ndarray) -> tuple[float, float, float]:
    """`power` and `usual` of `ExpectedError`, and what factors are to be multiplied by so that the mean error stays.

    Landmarks of a face go astray together, for the same blur or pose: the error of a face differs more from that of others than the
    mean of what is expected of its landmarks one by one. The power is the one by which faces come out best, by least squares.

    Args:
        each: (N, K) what is expected of the landmarks one by one, %.
        error: (N, K), %; NaN of no landmark.
    """
    from scipy.optimize import minimize_scalar

    face, labelled = each.mean(axis=1, keepdims=True), ~np.isnan(error)
    usual = float(face.mean())
    if usual == 0:
        return 0.0, 1.0, 1.0

    def excess(power: float) -> float:
        """How many times too much is expected of all landmarks together."""
        return float((each * (face / usual) ** power)[labelled].sum() / error[labelled].sum())

    def squares(power: float) -> float:
        expected = each * (face / usual) ** power / excess(power)
        return float(np.nansum(labelled_mean(np.where(labelled, expected, np.nan) - error) ** 2))

    power = float(minimize_scalar(squares, bounds=(POWER.low, POWER.high), method="bounded").x)
    return power, usual, excess(power) ** (-1 / (1 + power))  # factors count in each face's mean, too


def falling_curve(confidence: np.ndarray, error: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The knots of a curve that never rises: where they are, and how high.

    Centred isotonic regression: the landmarks are put into `MOST_KNOTS` bins of about as many each, equal confidences into one bin;
    the falling steps that are nearest to the bins' means by least squares are found; and each step becomes a knot at the mean
    confidence of its landmarks, so that a straight line leads from one to the next instead of a jump.

    Args:
        confidence: (M,).
        error: (M,), about `scale` times as large as the curve is high at this confidence.
        scale: (M,), not all 0.

    Reference: Oron, Flournoy, "Centered Isotonic Regression: Point and Interval Estimation for Dose-Response Studies",
    Statistics in Biopharmaceutical Research 9, 2017.
    """
    from scipy.optimize import isotonic_regression  # half a second to import, once in a training

    values, which, counts = np.unique(confidence.astype(np.float64), return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    bins = (middle * MOST_KNOTS).astype(int)[which]
    weights, places, sums = (np.bincount(bins, each) for each in (scale, scale * values[which], error))
    full = weights > 0
    steps = isotonic_regression(sums[full] / weights[full], weights=weights[full], increasing=False)
    firsts = steps.blocks[:-1]
    knots = np.add.reduceat(places[full], firsts) / np.add.reduceat(weights[full], firsts)
    return knots, steps.x[firsts]
