"""COFW-68: the 507 test pictures of COFW with 68 landmarks, for testing only.

`COFW_test_color.mat` from COFW, which holds the pictures, in one of the places that `components.datasets.cofw` knows, or in
`COFW68_Data`; anywhere below the same folder `N_points.mat` (`Points` 68 x 2, `Occ` 68, 1 = occluded) for picture N, and
`cofw68_test_bboxes.mat` (`bboxes` n x 4: x y w h), as in the authors' repository. Without the latter the faces have no
boxes. 1-based: the authors' VisualizeAnnotations.m plots points and boxes as they are on MATLAB's `imshow`; 1 is
subtracted here.

Reference: Ghiasi and Fowlkes, "Occlusion Coherence: Detecting and Localizing Occluded Faces", arXiv:1506.08347, 2015.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, no_records, to_landmarks
from components.datasets.cofw import FILES, PLACES, UNPACKED, box_of, find
from components.datasets.matlab import count_cells, picture_name, read_numbers, read_picture
from components.samples import Annotation, Box
from components.schemes import Scheme

CONTAINER, (PICTURES, _, _) = FILES["test"]
POINTS = re.compile(r"(\d+)_points\.mat")
BOXES = "cofw68_test_bboxes.mat"
REPOSITORY = "COFW68_Data/"  # where the authors' repository has all of it


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each `N_points.mat`, by number; its text names the file of boxes."""
    found = []
    for path in root.rglob("*_points.mat"):
        number = POINTS.fullmatch(path.name)
        if number:
            found.append((int(number[1]), path.relative_to(root).as_posix()))
    if not found:
        raise no_records(root, f"N_points.mat for each picture N of a {CONTAINER} beside them")
    count_cells(root, _container(root, len(found)), PICTURES)  # refuses one without pictures once, not at each face
    boxes = next((path.relative_to(root).as_posix() for path in sorted(root.rglob(BOXES))), "")
    return [Record(face, file, boxes, "test") for face, file in _faces(sorted(found))]


def _faces(files: list[tuple[int, str]]) -> Iterator[tuple[str, str]]:
    """Face and file of each number, wherever it lies; of a number's second file the face is told apart by the file."""
    seen = set()
    for number, file in files:
        yield (f"{number}:{file}" if number in seen else str(number)), file
        seen.add(number)


def _container(root: Path, num_faces: int) -> str:
    """Where COFW's own file lies, relative to the folder.

    Raises:
        ValueError: In none of the places.
    """
    file = find(root, CONTAINER, [*PLACES, *(REPOSITORY + place for place in PLACES)])
    if not file:
        raise ValueError(
            f"{root} has no {CONTAINER}, COFW's own, which holds the pictures of {num_faces} faces: put it there, or "
            f"unpack COFW_color.zip there, which has it in {UNPACKED}"
        )
    return file


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one `N_points.mat`."""
    number = int(record.face.partition(":")[0])
    points, occluded = (read_numbers(root, record.where, ("Points", "Occ"))[name] for name in ("Points", "Occ"))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{record.where}:Points: expected {scheme.num_landmarks} x 2, got {points.shape}")
    landmarks = to_landmarks((points.astype(np.float64) - 1).tolist(), record.where, scheme.num_landmarks)
    if occluded.size != len(landmarks):
        raise ValueError(f"{record.where}:Occ: expected {len(landmarks)} flags, got {occluded.size}")
    container = _container(root, 1)
    num_pictures = count_cells(root, container, PICTURES)
    if not 1 <= number <= num_pictures:
        raise ValueError(f"{record.where}: no picture {number} in {container}:{PICTURES}, which has {num_pictures}")
    return Annotation(
        face=str(number),
        image=picture_name(container, PICTURES, number),
        landmarks=landmarks,
        visible=occluded.ravel() == 0,
        subject=str(number),
        box=_box(root, record.text, number) if record.text else None,
        split="test",
    )


def _box(root: Path, file: str, number: int) -> Box:
    boxes = read_numbers(root, file, ("bboxes",))["bboxes"]
    if boxes.ndim != 2 or boxes.shape[1] != 4 or len(boxes) < number:
        raise ValueError(f"{file}:bboxes[{number}]: expected at least {number} x 4, got {boxes.shape}")
    return box_of(boxes[number - 1], f"{file}:bboxes[{number}]")


COFW68 = Dataset("cofw68", ("ibug68",), records, parse, read_picture, {"test": 507}, marks_hidden=True)
