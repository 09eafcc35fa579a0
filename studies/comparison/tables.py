"""What was measured, as Markdown: each variant, differences face by face, and the same networks read by other decoders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from components.model import LandmarkModel
from pipelines.runtime.tables import from_column
from pipelines.scoring.predict import Predictor
from studies.comparison.variants import PAIRS, READ_BY, VARIANTS
from studies.comparison.views import disagreement
from studies.trainings.one import predict_each
from studies.trainings.results import Results, with_interval
from studies.trainings.run import Run, mean_time


def variant_table(results: Results, against: str) -> Iterator[str]:
    """Each variant, its difference from one of them, and its mean over the faces of each subset."""
    seeds = " and ".join(map(str, results.seeds))
    subsets = {name: chosen for name, chosen in results.members().items() if not chosen.all()}
    header = [f"NME, seed{'s' * (len(results.seeds) > 1)} {seeds}", "mean (95%)", f"minus {against} (95%)", *subsets]
    yield f"| variant | {' | '.join(header)} | disagreement of two views | training |"
    yield "| --- |" + " --- |" * (len(header) + 2)
    base = results.errors(against)
    for variant in filter(results.done, VARIANTS):
        runs, errors = results.runs(variant), results.errors(variant)
        models = [LandmarkModel.load(run.model) for run in runs]
        apart = np.mean([disagreement(model, results.faces, results.params) for model in models])
        row = [", ".join(f"{seed.mean():.2f}%" for seed in errors), with_interval(errors), with_interval(errors - base)]
        row += [f"{errors[:, chosen].mean():.2f}%" for chosen in subsets.values()]
        yield f"| {variant} | {' | '.join(row)} | {apart:.2f}% | {mean_time(runs)} |"


def pair_table(results: Results) -> Iterator[str]:
    """Differences, seed by seed and face by face."""
    yield "| difference, face by face | NME (95%) |"
    yield "| --- | --- |"
    for one, other in PAIRS:
        if results.done(one, other):
            yield f"| {one} minus {other} | {with_interval(results.errors(one) - results.errors(other))} |"


def decoder_table(results: Results) -> Iterator[str]:
    """One trained network for each row, read by every decoder of its codec."""
    yield "| network | decoder | NME (95%), mean of the seeds |"
    yield "| --- | --- | --- |"
    for variant in filter(results.done, READ_BY):
        for decoder in READ_BY[variant]:
            errors = [results.errors_of(read_again(run, decoder, results)) for run in results.runs(variant)]
            yield f"| {variant} | {decoder} | {with_interval(np.stack(errors))} |"


def read_again(run: Run, decoder: str, results: Results) -> np.ndarray:
    """What a model finds, (N, K, 2), image px, if it is read by another decoder than its own."""
    predictor = Predictor(str(run.model))
    config = predictor.model.config
    predictor.model.config = replace(config, codec=replace(config.codec, decoder=decoder))
    return from_column(predict_each(predictor, results.faces), "predicted", config.scheme.num_landmarks, 2)
