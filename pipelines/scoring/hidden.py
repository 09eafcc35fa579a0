"""Which landmarks are hidden, as a model says and as the dataset does, out of errors.parquet; and the errors of both kinds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from components.metrics import summarise_hidden
from pipelines.runtime.tables import from_column


def which_hidden(errors: pa.Table) -> dict | None:
    """What metrics.json says of it; None where no landmark is marked as hidden, or none as visible, or the model says nothing.

    Args:
        errors: Rows of errors.parquet.
    """
    num_landmarks = errors.schema.field("errors").type.list_size
    visible, said, error = (
        from_column(errors, name, num_landmarks) for name in ("visible", "predicted_visible", "errors")
    )
    known = np.isfinite(visible) & np.isfinite(said)
    hidden = visible[known] == 0
    if hidden.all() or not hidden.any():
        return None
    relative = (error / errors.column("normaliser").to_numpy()[:, None])[known]
    means = {"visible_error": _mean(relative[~hidden]), "hidden_error": _mean(relative[hidden])}
    return {**summarise_hidden(-said[known], hidden), **means}


def _mean(error: np.ndarray) -> float | None:
    """The mean error of the landmarks that have a position; None where none has."""
    labelled = error[~np.isnan(error)].astype(np.float64)
    return float(labelled.mean()) if len(labelled) else None
