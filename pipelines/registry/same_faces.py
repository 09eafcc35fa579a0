"""Whether two tables of errors are of the same faces, so that their numbers may be compared face by face."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.runtime.tables import note_of


def same_faces(one: pa.Table, other: pa.Table) -> bool:
    """The same faces with the same truth, in the same order, with the mirrored picture averaged in for both or for neither.

    A landmark without position (NaN) is equal to itself. Another recipe of the same training shares its run, mirrored or not.
    """
    if not one.column("face").equals(other.column("face")):
        return False
    # A table that says nothing of it is from before faces were looked at in the mirror.
    if note_of(one).get("mirrored", "no") != note_of(other).get("mirrored", "no"):
        return False
    ours, theirs = (table.column("landmarks").combine_chunks().flatten().to_numpy() for table in (one, other))
    return np.array_equal(ours, theirs, equal_nan=True)
