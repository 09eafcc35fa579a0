"""Whether stored crops, in a folder for each dataset, are those of a recipe, as far as the first of each says."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.schemes import SCHEMES
from pipelines.params import Params
from pipelines.runtime.tables import read_footer, shards
from pipelines.training.crops import VISIBLE
from pipelines.training.decoded import stored_side


def check_crops(folder: Path, split: str, params: Params) -> None:
    """Looks at the first crop of a split, of each dataset.

    Raises:
        ValueError: There is none, or it is not this recipe's: another number of landmarks, another size, or no visibility to learn.
    """
    for name in params.sources(split):
        _check_first(folder / name, split, params)


def _check_first(folder: Path, split: str, params: Params) -> None:
    path = shards(folder, split)[0]
    first = pa.Table.from_batches([next(pq.ParquetFile(path, metadata=read_footer(path)).iter_batches(1))])
    scheme, held = SCHEMES[params.scheme], first.schema.field("landmarks").type.list_size // 2
    if held != scheme.num_landmarks:
        raise ValueError(f"{folder} holds faces of {held} landmarks; recipe {params.name!r} is for {scheme.name}")
    if stored_side(first) != params.preprocess.stored:
        raise ValueError(
            f"{folder} holds crops of {stored_side(first)} px; recipe {params.name!r} stores {params.preprocess.stored} px: "
            "preprocess by that recipe"
        )
    if params.loss.visibility and VISIBLE not in first.column_names:
        raise ValueError(
            f"{path} does not say which landmarks are visible, as recipe {params.name!r} needs it: preprocess again"
        )
