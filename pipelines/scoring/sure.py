"""The errors that a model expects of faces beside those that they have, out of errors.parquet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from components.metrics import summarise_expected
from components.metrics.errors import labelled_mean
from pipelines.runtime.tables import from_column


class Errors(NamedTuple):
    """Of the landmarks of N faces.

    Attributes:
        expected: (N, K), fractions of the normaliser; NaN where a landmark is not labelled.
        observed: (N, K), likewise.
    """

    expected: np.ndarray
    observed: np.ndarray

    @property
    def faces(self) -> tuple[np.ndarray, np.ndarray]:
        """Expected and observed (N,): of each face the mean of its labelled landmarks'."""
        return labelled_mean(self.expected), labelled_mean(self.observed)

    @property
    def landmarks(self) -> tuple[np.ndarray, np.ndarray]:
        """Expected and observed (M,), of all labelled landmarks."""
        labelled = ~np.isnan(self.observed)
        return self.expected[labelled], self.observed[labelled]


def expected_and_observed(errors: pa.Table) -> Errors:
    """What a model expects of measured faces, and what they have.

    Args:
        errors: Rows of errors.parquet, by the protocol that the model expects errors in.
    """
    num_landmarks = errors.schema.field("errors").type.list_size
    expected, observed = (
        from_column(errors, name, num_landmarks).astype(np.float64) for name in ("expected_error", "errors")
    )
    observed /= errors.column("normaliser").to_numpy()[:, None]
    return Errors(np.where(np.isnan(observed), np.nan, expected / 100), observed)


def how_sure(errors: Errors) -> dict:
    """What metrics.json says of them, fractions: see `summarise_expected`."""
    return summarise_expected(*errors.faces)
