"""One's own faces: `faces.csv` with a header, a face a line, pictures named relative to the folder.

Columns: `image`, then `x0, y0, x1, y1, ...` for the K landmarks of the scheme (0-based px, pixel centres at integers).
Optional: `face` (unique; else image and line), `subject` (else the image), `split` (train or test), `subsets` (separated
by spaces), `box_x0, box_y0, box_x1, box_y1`, and `v0, v1, ...` (0 = hidden). A landmark without a position is nan, nan
with v = 0; any other number that is not finite is refused.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, finite_box, no_records, to_landmarks
from components.samples import Annotation, Box
from components.schemes import Scheme

FILE = "faces.csv"
SPLITS = ("", "train", "test")
BOX = ("box_x0", "box_y0", "box_x1", "box_y1")


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each line below the header."""
    path = root / FILE
    if not path.is_file():
        raise no_records(root, f"a {FILE}")
    try:
        header, *lines = path.read_text(encoding="utf-8-sig").splitlines() or [""]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 at byte {error.start}") from error
    missing = [name for name in ("image", *_coordinates(scheme)) if name not in next(csv.reader([header]), [])]
    if missing:
        raise ValueError(f"{path}:1: missing columns {', '.join(missing[:4])}{', ...' if len(missing) > 4 else ''}")
    # Each record carries the header, so that it can be parsed anywhere, without the file.
    found = [Record(f"{n}", f"{FILE}:{n}", f"{header}\n{line}") for n, line in enumerate(lines, 2) if line.strip()]
    if not found:
        raise ValueError(f"{path} has no faces below its header")
    return found


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one line."""
    rows = list(csv.DictReader(io.StringIO(record.text)))
    if len(rows) != 1 or None in rows[0] or None in rows[0].values():
        header = record.text.splitlines()[0].count(",") + 1
        raise ValueError(f"{record.where}: expected {header} fields")
    row = rows[0]
    names = _coordinates(scheme)
    visible = np.array([row.get(f"v{k}", "1") not in ("0", "0.0") for k in range(scheme.num_landmarks)])
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


def _box(row: dict[str, str], where: str) -> Box | None:
    values = [row.get(name, "") for name in BOX]
    if not any(values):
        return None
    try:
        return finite_box(*(float(value) for value in values))
    except ValueError as error:
        raise ValueError(f"{where}: the box is not four numbers: {', '.join(values)}") from error


CSV = Dataset("csv", (), records, parse)
