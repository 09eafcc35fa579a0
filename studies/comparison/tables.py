"""What was measured, as Markdown: each variant, differences face by face, and the same networks read by other decoders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.metrics import PROTOCOLS, bootstrap_interval, nme
from components.model import LandmarkModel
from pipelines.params import Params
from pipelines.runtime.tables import from_column
from pipelines.scoring.predict import Predictor
from studies.comparison.runs import MODEL, Run, predict_each
from studies.comparison.variants import PAIRS, READ_BY, VARIANTS
from studies.comparison.views import disagreement
from studies.inputs.crops import read_crops


@dataclass(frozen=True, eq=False)
class Results:
    """The finished runs of some seeds, and the faces that they are measured on.

    Attributes:
        out: Folder of the runs.
        seeds: A variant counts if all of them are done.
        faces: Test faces.
        params: Of any run: scheme and protocol are those of all.
    """

    out: Path
    seeds: tuple[int, ...]
    faces: pa.Table
    params: Params

    @classmethod
    def of(cls, out: Path, seeds: tuple[int, ...], crops: Path, against: str) -> Results:
        """Reads the faces of CROPS.

        Raises:
            ValueError: The variant that others are held against is not done, or the crops are others.
        """
        missing = [str(run.folder) for seed in seeds if not (run := Run(out, against, seed)).done]
        if missing:
            raise ValueError(
                f"{against!r} is not there to compare with: no {', no '.join(missing)}; choose by --against and --seeds"
            )
        params = Run(out, against, seeds[0]).params()
        return cls(out, seeds, read_crops(crops, "test", params), params)

    def runs(self, variant: str) -> list[Run]:
        return [Run(self.out, variant, seed) for seed in self.seeds]

    def done(self, *variants: str) -> bool:
        return all(run.done for variant in variants for run in self.runs(variant))

    def errors_of(self, predicted: np.ndarray) -> np.ndarray:
        """NME per face that the protocol measures, in per cent.

        Raises:
            ValueError: It measures none.
        """
        scheme, protocol = self.params.model().scheme, PROTOCOLS[self.params.evaluate.protocol]
        truth = from_column(self.faces, "landmarks", scheme.num_landmarks, 2)
        normaliser = protocol.normalise(truth, scheme)
        chosen = protocol.covers(self.faces.column("subsets").to_pylist()) & (normaliser > 0)  # NaN is not
        if not chosen.any():
            raise ValueError(f"protocol {protocol.name!r} can measure none of the {len(truth)} test faces")
        return 100 * nme(predicted[chosen], truth[chosen], normaliser[chosen])

    def errors(self, variant: str) -> list[np.ndarray]:
        """The same for each seed."""
        return [self.errors_of(run.predicted(self.faces)) for run in self.runs(variant)]


def variant_table(results: Results, against: str) -> Iterator[str]:
    """Each variant, and its difference from one of them."""
    seeds = " and ".join(map(str, results.seeds))
    title = f"NME, seed{'s' * (len(results.seeds) > 1)} {seeds}"
    yield f"| variant | {title} | mean (95%) | minus {against} (95%) | disagreement of two views | training |"
    yield "| --- | --- | --- | --- | --- | --- |"
    base = np.mean(results.errors(against), axis=0)
    for variant in filter(results.done, VARIANTS):
        runs, errors = results.runs(variant), results.errors(variant)
        seconds = np.mean([run.seconds for run in runs])
        models = [LandmarkModel.load(run.folder / MODEL) for run in runs]
        apart = np.mean([disagreement(model, results.faces, results.params) for model in models])
        each, mean = ", ".join(f"{seed.mean():.2f}%" for seed in errors), np.mean(errors, axis=0)
        yield (
            f"| {variant} | {each} | {with_interval(mean)} | {with_interval(mean - base)} | {apart:.2f}% | {seconds:.0f} s |"
        )


def pair_table(results: Results) -> Iterator[str]:
    """Differences, face by face."""
    yield "| difference, face by face | NME (95%) |"
    yield "| --- | --- |"
    for one, other in PAIRS:
        if results.done(one, other):
            difference = np.mean(results.errors(one), axis=0) - np.mean(results.errors(other), axis=0)
            yield f"| {one} minus {other} | {with_interval(difference)} |"


def decoder_table(results: Results) -> Iterator[str]:
    """One trained network for each row, read by every decoder of its codec."""
    yield "| network | decoder | NME (95%), mean of the seeds |"
    yield "| --- | --- | --- |"
    for variant in filter(results.done, READ_BY):
        for decoder in READ_BY[variant]:
            errors = [results.errors_of(read_again(run, decoder, results)) for run in results.runs(variant)]
            yield f"| {variant} | {decoder} | {with_interval(np.mean(errors, axis=0))} |"


def read_again(run: Run, decoder: str, results: Results) -> np.ndarray:
    """What a model finds, (N, K, 2), image px, if it is read by another decoder than its own."""
    predictor = Predictor(str(run.folder / MODEL))
    config = predictor.model.config
    predictor.model.config = replace(config, codec=replace(config.codec, decoder=decoder))
    return from_column(predict_each(predictor, results.faces), "predicted", config.scheme.num_landmarks, 2)


def with_interval(values: np.ndarray) -> str:
    low, high = bootstrap_interval(values)
    return f"{values.mean():.2f}% ({low:.2f}% to {high:.2f}%)"
