"""Drift: how new faces differ from those that a model was trained on, feature by feature."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.new_data.features import FEATURES
from pipelines.params import Params

# Fewer say nothing of how a feature is spread.
FEWEST = 5


class Spread(NamedTuple):
    """How a feature is spread over faces: its median, and what 5% and 95% of the faces are below."""

    median: float
    low: float
    high: float


class Shift(NamedTuple):
    """A feature of the new faces beside that of the old.

    Attributes:
        feature: Its name.
        old, new: How it is spread.
        distance: Kolmogorov and Smirnov's: the largest difference between the two shares of faces that are below a value, 0 to 1.
        p: Chance of as large a distance if both were drawn from the same faces.
    """

    feature: str
    old: Spread
    new: Spread
    distance: float
    p: float


class Drift(NamedTuple):
    """New faces beside old ones.

    Attributes:
        new, old: What they are called.
        num_new, num_old: How many of them were compared.
        shifts: One for each feature that both have.
    """

    new: str
    old: str
    num_new: int
    num_old: int
    shifts: tuple[Shift, ...]


def compare(new: pa.Table, old: pa.Table, named: tuple[str, str]) -> Drift:
    """Compares the features of new and old faces; a face without a feature is left out of it.

    Args:
        new: Rows of `features.SCHEMA`.
        old: The same.
        named: What they are called.
    """
    shifts = [_shift(name, *(_known(table, name) for table in (old, new))) for name in FEATURES]
    return Drift(*named, len(new), len(old), tuple(filter(None, shifts)))


def _known(table: pa.Table, feature: str) -> np.ndarray:
    values = table.column(feature).to_numpy()
    return values[np.isfinite(values)]


def _shift(feature: str, old: np.ndarray, new: np.ndarray) -> Shift | None:
    if min(len(old), len(new)) < FEWEST:
        return None
    from scipy.stats import ks_2samp  # takes two seconds, and most commands compare nothing

    tested = ks_2samp(old, new)
    return Shift(feature, _spread(old), _spread(new), float(tested.statistic), float(tested.pvalue))


def _spread(values: np.ndarray) -> Spread:
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95]).tolist()
    return Spread(median, low, high)


def of_datasets(features: pa.Table, params: Params) -> list[Drift]:
    """Each dataset of a recipe beside the one that has the largest share of each batch; none where there is only one.

    Args:
        features: Rows of `features.SCHEMA`, of training faces.
        params: The recipe.
    """
    parts = {name: features.filter(pc.equal(features.column("dataset"), name)) for name in params.sources("train")}
    parts = {name: part for name, part in parts.items() if len(part)}
    if not parts:
        return []
    first = max(parts, key=lambda name: params.share([name]))
    return [compare(part, parts[first], (name, first)) for name, part in parts.items() if name != first]
