"""The pictures of faces that were measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from components.images import decode_own
from pipelines.runtime.tables import from_column


def pictures_of(faces: pa.Table) -> Callable[[str], tuple[np.ndarray, np.ndarray]]:
    """Face -> its stored crop (H, W, 3) uint8 RGB, and the affine (2, 3), image px -> crop px."""
    row = {face: i for i, face in enumerate(faces.column("face").to_pylist())}
    affines = from_column(faces, "affine", 2, 3)
    return lambda face: (decode_own(faces.column("pixels")[row[face]].as_buffer()), affines[row[face]])
