"""The faces that a recipe's models are measured on: the test faces of its held-out datasets, told apart where there are several."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.params import Params
from pipelines.runtime.tables import read_shards


def faces_to_measure(crops: Path, params: Params, split: str = "test") -> pa.Table:
    """Test rows of the shards of all held-out datasets, in a folder for each; or those kept aside, of the split "reserve".

    Of several datasets, a face's name begins with the dataset's, as 300w/afw/1_1, so that no two have the same; and each
    is a subset of its own, "dataset 300w", so that figures are given of each.

    Raises:
        ValueError: A dataset has no faces of that split.
    """
    names = params.sources("test")
    tables = {name: read_shards(crops / name, split) for name in names}
    return pa.concat_tables([_of(name, table) if len(names) > 1 else table for name, table in tables.items()])


def subset_of(name: str) -> str:
    """The subset that a dataset's faces are in, where there are several."""
    return f"dataset_{name}"


def _of(name: str, table: pa.Table) -> pa.Table:
    faces = pc.binary_join_element_wise(pa.scalar(name), table.column("face"), "/")
    subsets = [[subset_of(name), *(own or [])] for own in table.column("subsets").to_pylist()]
    columns = {"face": faces, "subsets": pa.array(subsets, table.schema.field("subsets").type)}
    for column, values in columns.items():
        table = table.set_column(table.schema.get_field_index(column), table.schema.field(column), values)
    return table
