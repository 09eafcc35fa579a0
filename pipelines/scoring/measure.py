"""What predictions are worth under a protocol, face by face."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from components.metrics import Protocol
from components.schemes import Scheme
from pipelines.runtime.tables import from_column, to_column


def measure(predictions: pa.Table, scheme: Scheme, protocol: Protocol) -> pa.Table:
    """Adds `nme` (a fraction), `normaliser` and `errors` (image px, unless the protocol is as published) to predictions.

    Faces that the protocol cannot measure have NaN for both: see `Protocol.measurable`.

    Raises:
        ValueError: A face was not predicted.
    """
    truth = from_column(predictions, "landmarks", scheme.num_landmarks, 2)
    predicted = from_column(predictions, "predicted", scheme.num_landmarks, 2)
    boxes = from_column(predictions, "annotated_box", 4)
    measurable = protocol.measurable(truth, scheme, boxes)
    normaliser = np.where(measurable, protocol.normalise(truth, scheme, boxes), np.nan)
    errors = protocol.errors(predicted, truth, boxes)
    nme = np.full(len(truth), np.nan)
    nme[measurable] = protocol.face_nme((errors / normaliser[:, None])[measurable])
    table = predictions.append_column("nme", pa.array(nme, pa.float32()))
    table = table.append_column("normaliser", pa.array(normaliser, pa.float32()))
    return table.append_column("errors", to_column(errors, pa.list_(pa.float32(), scheme.num_landmarks)))


def counted(errors: pa.Table, protocol: Protocol) -> np.ndarray:
    """Which rows of `measure` count (N,): those of faces in the protocol's subsets that it can measure."""
    return protocol.covers(errors.column("subsets").to_pylist()) & np.isfinite(errors.column("nme").to_numpy())
