"""What one finished training says of the test faces: read by its own decoder and others, and of two views of each face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from components.model import LandmarkModel
from pipelines.runtime.tables import from_column
from pipelines.scoring.predict import Predictor
from studies.comparison.measured import Measured
from studies.comparison.variants import READ_BY
from studies.comparison.views import disagreement
from studies.trainings.one import predict_each
from studies.trainings.results import Results
from studies.trainings.run import Run

DIGITS = 4  # of per cents: a thousandth of what tells two decoders apart


def measured(run: Run, epochs: int, results: Results) -> Measured:
    """What is kept of a finished training; `epochs` are those of a variant that trains on one view."""
    own = run.params().model().codec.decoder
    predicted = {own: run.predicted(len(results.faces))}
    predicted |= {name: read_again(run, name, results) for name in READ_BY.get(run.name, []) if name != own}
    errors = {name: tuple(results.errors_of(found).round(DIGITS).tolist()) for name, found in sorted(predicted.items())}
    apart = disagreement(LandmarkModel.load(run.model), results.faces, run.params())
    return Measured(run.name, run.seed, epochs, round(apart, DIGITS), own, errors)


def read_again(run: Run, decoder: str, results: Results) -> np.ndarray:
    """What a model finds, (N, K, 2), image px, if it is read by another decoder than its own."""
    predictor = Predictor(str(run.model))
    config = predictor.model.config
    predictor.model.config = replace(config, codec=replace(config.codec, decoder=decoder))
    return from_column(predict_each(predictor, results.faces), "predicted", config.scheme.num_landmarks, 2)
