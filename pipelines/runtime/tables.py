"""The Arrow form of faces: fixed-size lists, which plain pyarrow and pandas read; and CSV, for people."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.runtime.outputs import whole_file

# What ingest leaves for preprocess.
ANNOTATIONS = "annotations.parquet"

Fields = list[tuple[str, pa.DataType]]

RESERVE = "reserve"
SPLITS = ("train", "val", "test", RESERVE)

# Of a table's schema: what its rows have in common, as JSON.
NOTE = b"heatmark"


def face_fields(num_landmarks: int) -> Fields:
    """Who a face is and where its landmarks are; the columns that every table of faces has."""
    return [
        ("face", pa.string()),
        ("image", pa.string()),
        ("subject", pa.string()),
        ("subsets", pa.list_(pa.string())),
        ("landmarks", pa.list_(pa.float32(), 2 * num_landmarks)),
    ]


def splits_shown(splits: Collection[str]) -> list[str]:
    """All splits that faces may be in, in their order; the one that is kept aside only where there are faces in it."""
    return [split for split in SPLITS if split != RESERVE or split in splits]


FACE_COLUMNS = tuple(name for name, _ in face_fields(1))


def to_column(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """(N, ...) -> one fixed-size list per row, of the given type; row-major."""
    flat = pa.array(np.ascontiguousarray(values).reshape(-1), kind.value_type)
    return pa.FixedSizeListArray.from_arrays(flat, type=kind)


def from_column(table: pa.Table, name: str, *shape: int) -> np.ndarray:
    """A fixed-size list column -> (N, *shape); a copy."""
    flat = table.column(name).combine_chunks().flatten()
    return flat.to_numpy(zero_copy_only=False).reshape(len(table), *shape).copy()


def optional_boxes(table: pa.Table, name: str) -> np.ndarray:
    """A column of lists of four numbers, or nulls -> (N, 4) float32, NaN where null."""
    rows = table.column(name).to_pylist()
    return np.array([[np.nan] * 4 if row is None else row for row in rows], np.float32).reshape(-1, 4)


def with_note(table: pa.Table, **facts: object) -> pa.Table:
    """The table with facts noted in its schema, as Parquet keeps it."""
    return table.replace_schema_metadata({NOTE: json.dumps(facts, sort_keys=True)})


def note_of(table: pa.Table) -> dict:
    """What is noted in a table's schema; nothing, if nothing is."""
    return json.loads((table.schema.metadata or {}).get(NOTE, b"{}"))


def write_table(table: pa.Table, path: Path) -> None:
    """Writes Parquet, whole or not at all."""
    with whole_file(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes CSV with a header, whole or not at all; None is left blank."""
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Reads Parquet, all columns, or only some; where pages have checksums, as ours do, they must be right.

    Raises:
        ValueError: Missing, damaged or not Parquet.
    """
    try:
        return pq.read_table(path, columns=columns, page_checksum_verification=True)
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such file") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{path}: {error}") from error


def schema_names(path: Path) -> list[str]:
    """Names of a Parquet file's columns.

    Raises:
        ValueError: Missing, damaged or not Parquet.
    """
    try:
        return pq.read_schema(path).names
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such file") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{path}: {error}") from error


def shards(folder: Path, split: str) -> list[Path]:
    """A split's shards in order, as preprocess cut them.

    Raises:
        ValueError: The folder has none, or not all of one cut.
    """
    paths = sorted(folder.glob(f"{split}-*.parquet"))
    if not paths:
        raise ValueError(f"{folder} has no {split} shards, as preprocess writes them")
    whole = [f"{split}-{i:05d}-of-{len(paths):05d}.parquet" for i in range(len(paths))]
    if whole != [path.name for path in paths]:
        raise ValueError(
            f"{folder} has {', '.join(path.name for path in paths[:3])}{' ...' * (len(paths) > 3)}: shards are missing, or some are of "
            "another cut; preprocess again"
        )
    return paths


def read_shards(folder: Path, split: str, columns: list[str] | None = None) -> pa.Table:
    """The rows of a split's shards; all columns, or only some.

    Raises:
        ValueError: The folder has no shard of it.
    """
    return pa.concat_tables([read_shard(path, columns) for path in shards(folder, split)])


def read_footer(path: Path) -> pq.FileMetaData:
    """What stands at the end of a shard: its columns, and how many rows it has.

    Raises:
        ValueError: It is damaged; with the way out.
    """
    try:
        return pq.read_metadata(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ValueError(f"{path}: {error}; {_brought_back(path)}") from error


def read_shard(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The rows of one shard.

    Raises:
        ValueError: It is damaged; with the way out.
    """
    try:
        return read_table(path, columns)
    except ValueError as error:
        raise ValueError(f"{error}; {_brought_back(path)}") from error


def _brought_back(path: Path) -> str:
    return f"`rm {path}`, and the next retraining brings it back or makes it again"
