"""COFW: `COFW_train_color.mat` and `COFW_test_color.mat`, MATLAB 7.3, with pictures, boxes and 29 landmarks in them.

Of train the variables are `IsTr` (cells of uint8 pictures, some gray), `bboxesTr` (n x 4: x y w h) and `phisTr` (n x 87:
29 x, 29 y, 29 flags, 1 = occluded); of test `IsT`, `bboxesT`, `phisT`. A picture is named COFW_test_color.mat#IsT/12 for
MATLAB's IsT{12}. Coordinates are 1-based, as its MATLAB authors plot them on `imshow`, where the first pixel's centre is
1; 1 is subtracted from landmarks and boxes here (MMPose's converter does so too).

The files lie in the folder itself, or where COFW_color.zip unpacks them, below it or below a folder of the zip's name.

Reference: Burgos-Artizzu, Perona and Dollar, "Robust face landmark estimation under occlusion", ICCV 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, finite_box, no_records, to_landmarks
from components.datasets.matlab import count_cells, picture_name, read_numbers, read_picture
from components.samples import Annotation, Box
from components.schemes import Scheme

# Split -> file, and its variables: pictures, boxes, landmarks.
FILES = {
    "train": ("COFW_train_color.mat", ("IsTr", "bboxesTr", "phisTr")),
    "test": ("COFW_test_color.mat", ("IsT", "bboxesT", "phisT")),
}
UNPACKED = "common/xpburgos/behavior/code/pose/"  # in COFW_color.zip
PLACES = ("", UNPACKED, "COFW_color/", f"COFW_color/{UNPACKED}")


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each row of the files that are there."""
    found = []
    for split, (name, (_, _, marks)) in FILES.items():
        file = find(root, name)
        if file:
            numbers = range(1, _count(root, split, file) + 1)
            found += [Record(f"{split}/{n}", f"{file}:{marks}[{n}]", split=split) for n in numbers]
    if not found:
        files = " and ".join(file for file, _ in FILES.values())
        raise no_records(root, f"{files}, in it or in {UNPACKED} below it, as COFW_color.zip has them")
    return found


def find(root: Path, name: str, places: Sequence[str] = PLACES) -> str | None:
    """Where one of the files lies, relative to the folder; None if nowhere."""
    return next((place + name for place in places if (root / place / name).is_file()), None)


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Takes one row, a face."""
    split, _, number = record.face.partition("/")
    file, (pictures, *names) = record.where.rpartition(":")[0], FILES[split][1]
    arrays = read_numbers(root, file, names)
    box, marks = (arrays[name][int(number) - 1].astype(np.float64) for name in names)
    x, y, occluded = marks.reshape(3, -1)
    return Annotation(
        face=record.face,
        image=picture_name(file, pictures, int(number)),
        landmarks=to_landmarks(list(zip(x - 1, y - 1, strict=True)), record.where, scheme.num_landmarks),
        visible=occluded == 0,
        subject=record.face,
        box=box_of(box, f"{file}:{names[0]}[{number}]"),
        split=split,
    )


def box_of(row: np.ndarray, where: str) -> Box:
    """x y w h, 1-based -> the box.

    Raises:
        ValueError: One of them is NaN or infinite; the message says where.
    """
    x, y, width, height = (float(value) for value in row)
    try:
        return finite_box(x - 1, y - 1, x - 1 + width, y - 1 + height)
    except ValueError as error:
        raise ValueError(f"{where}: {error}: {x} {y} {width} {height}") from error


def _count(root: Path, split: str, file: str) -> int:
    """How many faces a file holds.

    Raises:
        ValueError: A variable is missing or of another shape.
    """
    _, (picture_variable, box_name, mark_name) = FILES[split]
    arrays = read_numbers(root, file, (box_name, mark_name))
    marks, boxes = arrays[mark_name], arrays[box_name]
    if marks.ndim != 2 or marks.shape[1] != 87:
        raise ValueError(f"{file}:{mark_name}: expected n x 87, got {_size(marks)}")
    if boxes.shape != (len(marks), 4):
        raise ValueError(f"{file}:{box_name}: expected {len(marks)} x 4, got {_size(boxes)}")
    num_pictures = count_cells(root, file, picture_variable)
    if num_pictures != len(marks):
        raise ValueError(f"{file}:{picture_variable}: expected {len(marks)} pictures, got {num_pictures}")
    return len(marks)


def _size(array: np.ndarray) -> str:
    return " x ".join(map(str, array.shape))


COFW = Dataset("cofw", ("cofw29",), records, parse, read_picture, {"train": 1345, "test": 507}, marks_hidden=True)
