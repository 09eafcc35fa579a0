"""What the finished runs of some seeds found, on the test faces, under the recipe's protocol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.metrics import PROTOCOLS, bootstrap_interval, crossed_interval, nme
from components.metrics.summary import members_of
from pipelines.params import Params
from pipelines.runtime.tables import from_column
from studies.inputs.crops import read_crops
from studies.trainings.run import Run


@dataclass(frozen=True, eq=False)
class Results:
    """The finished runs of some seeds, and the faces that they are measured on.

    Attributes:
        out: Folder of the runs.
        seeds: Of the runs.
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
        return np.stack([self.errors_of(run.predicted(len(self.faces))) for run in self.runs(variant)])

    def members(self) -> dict[str, np.ndarray]:
        """Subset -> which of those faces are in it (N,)."""
        names = self.faces.column("subsets").to_pylist()
        return {name: chosen[self.measured] for name, chosen in members_of(names).items()}


def interval(values: np.ndarray) -> tuple[float, float]:
    """The 95% interval of the mean of values (S, N); it knows seeds and faces, or with a single seed the faces alone."""
    return crossed_interval(values) if len(values) > 1 else bootstrap_interval(values[0])


def with_interval(values: np.ndarray) -> str:
    """The mean of values (S, N) of seeds and faces, with its `interval`."""
    low, high = interval(values)
    return f"{values.mean():.2f}% ({low:.2f}% to {high:.2f}%)"
