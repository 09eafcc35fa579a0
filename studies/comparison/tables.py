"""What was measured, as Markdown: each variant, differences face by face, and the same networks read by other decoders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.metrics import PROTOCOLS, bootstrap_interval, crossed_interval, nme
from components.metrics.summary import members_of
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

    @property
    def truth(self) -> np.ndarray:
        """Landmarks (N, K, 2), (x, y), image px, of all faces."""
        return from_column(self.faces, "landmarks", self.params.model().scheme.num_landmarks, 2)

    @cached_property
    def measured(self) -> np.ndarray:
        """Which faces the protocol measures.

        Raises:
            ValueError: None.
        """
        protocol = PROTOCOLS[self.params.evaluate.protocol]
        measured = protocol.covers(self.faces.column("subsets").to_pylist())
        measured &= protocol.measurable(self.truth, self.params.model().scheme)
        if not measured.any():
            raise ValueError(f"protocol {protocol.name!r} can measure none of the {len(measured)} test faces")
        return measured

    def errors_of(self, predicted: np.ndarray) -> np.ndarray:
        """NME per face that the protocol measures, in per cent."""
        scheme, protocol = self.params.model().scheme, PROTOCOLS[self.params.evaluate.protocol]
        truth = self.truth[self.measured]
        return 100 * nme(predicted[self.measured], truth, protocol.normalise(truth, scheme))

    def errors(self, variant: str) -> np.ndarray:
        """The same for each seed: (S, N)."""
        return np.stack([self.errors_of(run.predicted(self.faces)) for run in self.runs(variant)])

    def members(self) -> dict[str, np.ndarray]:
        """Subset -> which of those faces are in it (N,)."""
        names = self.faces.column("subsets").to_pylist()
        return {name: chosen[self.measured] for name, chosen in members_of(names).items()}


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
        seconds = np.mean([run.seconds for run in runs])
        models = [LandmarkModel.load(run.folder / MODEL) for run in runs]
        apart = np.mean([disagreement(model, results.faces, results.params) for model in models])
        row = [", ".join(f"{seed.mean():.2f}%" for seed in errors), with_interval(errors), with_interval(errors - base)]
        row += [f"{errors[:, chosen].mean():.2f}%" for chosen in subsets.values()]
        yield f"| {variant} | {' | '.join(row)} | {apart:.2f}% | {seconds:.0f} s |"


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
    predictor = Predictor(str(run.folder / MODEL))
    config = predictor.model.config
    predictor.model.config = replace(config, codec=replace(config.codec, decoder=decoder))
    return from_column(predict_each(predictor, results.faces), "predicted", config.scheme.num_landmarks, 2)


def with_interval(values: np.ndarray) -> str:
    """The mean of values (S, N) of seeds and faces; the interval knows both, or with a single seed the faces alone."""
    low, high = crossed_interval(values) if len(values) > 1 else bootstrap_interval(values[0])
    return f"{values.mean():.2f}% ({low:.2f}% to {high:.2f}%)"
