"""One's own faces: `faces.csv` with a header, a face a line, pictures named relative to the folder.

Columns: `image`, then `x0, y0, x1, y1, ...` for the K landmarks of the scheme (0-based px, pixel centres at integers).
Optional: `face` (unique; else image and line), `subject` (else the image), `split` (train or test), `subsets` (separated
by spaces), `box_x0, box_y0, box_x1, box_y1`, and `v0, v1, ...`: 0, false or no is hidden, 1, true, yes or nothing visible.
A landmark without a position is nan, nan with v = 0; any other number that is not finite is refused.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, finite_box, no_records, read_lines, to_landmarks
from components.samples import Annotation, Box
from components.schemes import Scheme

FILE = "faces.csv"
SPLITS = ("", "train", "test")
VISIBLE, HIDDEN = ("", "1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")  # in any case
BOX = ("box_x0", "box_y0", "box_x1", "box_y1")


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each line below the header."""
    path = root / FILE
    if not path.is_file():
        raise no_records(root, f"a {FILE}")
    header, *lines = read_lines(path) or [""]
    names = _fields(header, f"{path}:1")
    missing = [name for name in ("image", *_coordinates(scheme)) if name not in names]
    if missing:
        raise ValueError(f"{path}:1: missing columns {', '.join(missing[:4])}{', ...' if len(missing) > 4 else ''}")
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise ValueError(f"{path}:1: columns that stand there more than once: {', '.join(repeated)}")
    # Each record carries the header, so that it can be parsed anywhere, without the file.
    found = [Record(f"{n}", f"{FILE}:{n}", f"{header}\n{line}") for n, line in enumerate(lines, 2) if line.strip()]
    if not found:
        raise ValueError(f"{path} has no faces below its header")
    return found


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one line."""
    header, _, line = record.text.partition("\n")
    columns, values = _fields(header, record.where), _fields(line, record.where)
    if len(values) != len(columns):
        raise ValueError(f"{record.where}: expected {len(columns)} fields")
    row = dict(zip(columns, values, strict=True))
    names = _coordinates(scheme)
    visible = np.array([_visible(row.get(f"v{k}", ""), record.where) for k in range(scheme.num_landmarks)])
    coordinates = [[row[x], row[y]] for x, y in zip(names[::2], names[1::2], strict=True)]
    landmarks = to_landmarks(coordinates, record.where, scheme.num_landmarks, hidden=~visible)
    if row.get("split", "") not in SPLITS:
        raise ValueError(f"{record.where}: split is train, test or empty, got {row['split']!r}")
    return Annotation(
        face=row.get("face") or f"{row['image']}:{record.face}",
        image=row["image"],
        landmarks=landmarks,
        visible=visible,
        subject=row.get("subject") or row["image"],
        box=_box(row, record.where),
        subsets=tuple(row.get("subsets", "").split()),
        split=row.get("split") or None,
    )


def _coordinates(scheme: Scheme) -> list[str]:
    return [f"{axis}{k}" for k in range(scheme.num_landmarks) for axis in "xy"]


def _fields(line: str, where: str) -> list[str]:
    """The fields of one line; none of an empty one."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error as error:  # a field of more than 131,072 characters
        raise ValueError(f"{where}: {error}") from error


def _visible(word: str, where: str) -> bool:
    if word.strip().lower() not in (*VISIBLE, *HIDDEN):
        raise ValueError(f"{where}: a landmark is visible (1, true, yes) or hidden (0, false, no), got {word[:40]!r}")
    return word.strip().lower() in VISIBLE


def _box(row: dict[str, str], where: str) -> Box | None:
    values = [row.get(name, "") for name in BOX]
    if not any(values):
        return None
    try:
        return finite_box(*(float(value) for value in values))
    except ValueError as error:
        raise ValueError(f"{where}: the box is not four numbers: {', '.join(values)}") from error


CSV = Dataset("csv", (), records, parse, marks_hidden=True)
