"""Boxes of faces in a file, CSV or Parquet: a row per face, any number of rows per picture."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.runtime.tables import read_table, schema_names
from pipelines.serving.inputs import Input, shown

COLUMNS = ("image", "x0", "y0", "x1", "y1")


def read_boxes(path: Path, pictures: Sequence[Input]) -> dict[str, np.ndarray]:
    """Picture's name -> its boxes (F, 4), x0 y0 x1 y1, image px, in the rows' order; without the pictures that have none.

    `image` is a picture's path from the CSV's own folder, or from an input folder (the file's own, for one that was
    named itself), or from the file system's root. Rows of pictures that are not among the inputs are passed over; further columns are, too.

    Raises:
        ValueError: The file is none of this kind, a box has no area, a row could mean two pictures, or all mean none.
    """
    by_path = {picture.path: picture.name for picture in pictures}
    bases = list(dict.fromkeys([path.parent.resolve(), *(picture.base for picture in pictures)]))
    found: dict[str, list[list[float]]] = {}
    for where, row in _rows(path):
        places = [(base / row["image"]) for base in bases]
        paths = {place.parent.resolve() / place.name for place in places}
        meant = sorted(by_path[place] for place in paths & by_path.keys())
        if len(meant) > 1:
            raise ValueError(f"{where}: {shown(row['image'])} could be {' or '.join(map(shown, meant))}")
        if meant:
            found.setdefault(meant[0], []).append(_box(where, row))
    if not found:
        raise ValueError(
            f"{shown(str(path))}: no row names a picture that is among the inputs, as {shown(pictures[0].name)}"
        )
    return {name: np.array(boxes) for name, boxes in found.items()}


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """("FILE:LINE", columns) of every row that is not blank."""
    return _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)


def _parquet_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if missing := [name for name in COLUMNS if name not in schema_names(path)]:
        raise ValueError(
            f"{shown(str(path))}: expected the columns {','.join(COLUMNS)}; there is no {','.join(missing)}"
        )
    for number, row in enumerate(read_table(path, list(COLUMNS)).to_pylist()):
        if not isinstance(row["image"], str):
            raise ValueError(f"{shown(str(path))}: row {number}: expected the name of a picture, got {row['image']!r}")
        yield f"{shown(str(path))}: row {number}", row


def _csv_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if missing := [name for name in COLUMNS if header.count(name) != 1]:
                raise ValueError(
                    f"{shown(str(path))}:1: expected one column each of {','.join(COLUMNS)}; not so: {','.join(missing)}"
                )
            for row in filter(None, reader):
                where = f"{shown(str(path))}:{reader.line_num}"
                if len(row) != len(header):
                    raise ValueError(f"{where}: expected {len(header)} fields, got {len(row)}")
                yield where, dict(zip(header, row, strict=True))
    except OSError as error:
        raise ValueError(f"{shown(str(path))}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{shown(str(path))}: not a CSV file in UTF-8: {error}") from error


def _box(where: str, row: dict[str, Any]) -> list[float]:
    try:
        x0, y0, x1, y1 = box = [float(row[name]) for name in COLUMNS[1:]]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None
    if not all(map(math.isfinite, box)) or not (x0 < x1 and y0 < y1):
        raise ValueError(f"{where}: expected x0 < x1 and y0 < y1, px, got {x0:g} {y0:g} {x1:g} {y1:g}")
    return box
