"""Faces as files that others read: CSV, JSON Lines, Parquet, or a .pts file a face as 300-W has them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.schemes import Scheme
from pipelines.serving.inputs import shown
from pipelines.serving.journal import Record

# What says of whom a row is: of a picture, and of a video.
KEYS = {False: ("image", "face"), True: ("image", "frame", "face")}
SIDES = ("x0", "y0", "x1", "y1")
# Of a face: means over its landmarks.
MEANS = ("confidence", "expected_error", "visible_share")
ROW_GROUP = 1024


def rows(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    """A row a face: image, frame of a video, face (its number), box; means; confidence, expected error, visibility and landmarks of each."""
    for record in records:
        numbers = record.get("tracks", range(len(record["faces"])))
        for number, face in zip(numbers, record["faces"], strict=True):
            keys = {"image": record["image"], "frame": record.get("frame"), "face": number}
            errors, visible = face["expected_error"], face.get("visible")  # a journal from before does not say
            means = {"sure": round(fmean(face["confidence"]), 4), "off": round(fmean(errors), 3) if errors else None}
            share = round(fmean(visible), 4) if visible else None
            yield {**keys, **face, **means, "visible": visible, "visible_share": share}


def write_csv(records: Iterable[Record], folder: Path, scheme: Scheme, of_video: bool) -> None:
    """landmarks.csv: keys, sides, confidence, expected error, visible share, then NAME_x and NAME_y of each landmark, image px."""
    with (folder / "landmarks.csv").open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = csv.writer(file, lineterminator="\n")
        columns = (f"{name}_{axis}" for name in scheme.names for axis in "xy")
        table.writerow([*KEYS[of_video], *SIDES, *MEANS, *columns])
        for row in rows(records):
            flat = (f"{value:.3f}" for landmark in row["landmarks"] for value in landmark)
            means = (f"{row['sure']:.4f}", row["off"], row["visible_share"])
            table.writerow([*(row[key] for key in KEYS[of_video]), *row["box"], *means, *flat])


def write_jsonl(records: Iterable[Record], folder: Path, scheme: Scheme, of_video: bool) -> None:
    """landmarks.jsonl: an object a face; `confidence`, `expected_error` and `visible_share` are means, the plurals, `visible` and `landmarks`
    each landmark's.
    """
    with (folder / "landmarks.jsonl").open("w", encoding="ascii") as file:
        for row in rows(records):
            said = {key: row[key] for key in KEYS[of_video]} | {"box": row["box"]}
            file.write(json.dumps({**said, **_of_landmarks(row), "landmarks": row["landmarks"]}) + "\n")


def _of_landmarks(row: dict[str, Any]) -> dict[str, Any]:
    """How sure each landmark is and how likely visible, and their means."""
    means = dict(zip(MEANS, (row["sure"], row["off"], row["visible_share"]), strict=True))
    each = {"confidences": row["confidence"], "expected_errors": row["expected_error"], "visible": row["visible"]}
    return {**means, **each}


def write_parquet(records: Iterable[Record], folder: Path, scheme: Scheme, of_video: bool) -> None:
    """landmarks.parquet: the columns of the CSV, `confidences` (K), `expected_errors` (K) or null, `visible` (K) or null, and `landmarks`
    (2 K), x and y in turn; names in the schema.

    Bytes of a name that are not UTF-8 are written out, as \\xe9.
    """
    count = scheme.num_landmarks
    keys = [(key, pa.string() if key == "image" else pa.int32()) for key in KEYS[of_video]]
    sides = [(name, pa.float32()) for name in SIDES]
    means = [(name, pa.float32()) for name in MEANS]
    # No list of a fixed size where there may be none: Parquet would not be read again.
    each = [("confidences", pa.list_(pa.float32(), count))]
    each += [(name, pa.list_(pa.float32())) for name in ("expected_errors", "visible")]
    fields = [*keys, *sides, *means, *each, ("landmarks", pa.list_(pa.float32(), 2 * count))]
    schema = pa.schema(fields, {"names": json.dumps(list(scheme.names))})
    left = rows(records)
    with pq.ParquetWriter(folder / "landmarks.parquet", schema, compression="zstd") as file:
        while some := list(islice(left, ROW_GROUP)):
            file.write_table(pa.Table.from_pylist([_flat(row) for row in some], schema))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    image = row["image"].encode(errors="surrogateescape").decode(errors="backslashreplace")
    landmarks = [value for landmark in row["landmarks"] for value in landmark]
    kept = {"image": image, "frame": row["frame"], "face": row["face"], **_of_landmarks(row)}
    return {**kept, **dict(zip(SIDES, row["box"], strict=True)), "landmarks": landmarks}


def write_pts(records: Iterable[Record], folder: Path, scheme: Scheme, of_video: bool) -> None:
    """one.pts for one.jpg, or one.face0.pts and so on of several faces, in 300-W's form: px from 1, as its own files have them."""
    for record in records:
        several = len(record["faces"]) > 1
        for number, face in enumerate(record["faces"]):
            path = folder / (without_end(record["image"]) + (f".face{number}.pts" if several else ".pts"))
            path.parent.mkdir(parents=True, exist_ok=True)
            points = "".join(f"{x + 1:.3f} {y + 1:.3f}\n" for x, y in face["landmarks"])
            path.write_text(f"version: 1\nn_points: {scheme.num_landmarks}\n{{\n{points}}}\n", encoding="ascii")


def without_end(name: str) -> str:
    """A picture's name without its .jpg."""
    return str(Path(name).with_suffix(""))


def check_names(form: str, names: Iterable[str]) -> None:
    """Refuses pictures of which two would have the same file.

    Raises:
        ValueError: There are such.
    """
    owners: dict[str, str] = {}
    for name in names if form == "pts" else ():
        other = owners.setdefault(re.sub(r"\.face\d+$", "", without_end(name)), name)
        if other != name:
            raise ValueError(f"{shown(other)} and {shown(name)} would have the same .pts file: choose another --format")


# How a file of each form is written, and what its name ends in.
TABLES: dict[str, Callable[[Iterable[Record], Path, Scheme, bool], None]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
    "pts": write_pts,
}
