"""COFW-68: the 507 test pictures of COFW with 68 landmarks, for testing only.

`COFW_test_color.mat` from COFW, which holds the pictures; anywhere below the same folder `N_points.mat` (`Points` 68 x 2,
`Occ` 68, 1 = occluded) for picture N, and `cofw68_test_bboxes.mat` (`bboxes` n x 4: x y w h). Without the latter the faces
have no boxes. 1-based: the authors' VisualizeAnnotations.m plots points and boxes as they are on MATLAB's `imshow`; 1 is
subtracted here.

Reference: Ghiasi and Fowlkes, "Occlusion Coherence: Detecting and Localizing Occluded Faces", arXiv:1506.08347, 2015.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, no_records, to_landmarks
from components.datasets.cofw import FILES, box_of
from components.datasets.matlab import count_cells, picture_name, read_picture, read_variables
from components.samples import Annotation, Box
from components.schemes import Scheme

CONTAINER, (PICTURES, _, _) = FILES["test"]
POINTS = re.compile(r"(\d+)_points\.mat")
BOXES = "cofw68_test_bboxes.mat"


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each `N_points.mat`, by number; its text names the file of boxes."""
    found = []
    for path in root.rglob("*_points.mat"):
        number = POINTS.fullmatch(path.name)
        if number:
            found.append((int(number[1]), path.relative_to(root).as_posix()))
    if not found:
        raise no_records(root, f"N_points.mat for each picture N of a {CONTAINER} beside them")
    if not (root / CONTAINER).is_file():
        raise ValueError(f"{root} has no {CONTAINER}, COFW's own, which holds the pictures of {len(found)} faces")
    count_cells(root, CONTAINER, PICTURES)  # refuses a container without pictures once, not at each face
    boxes = next((path.relative_to(root).as_posix() for path in sorted(root.rglob(BOXES))), "")
    return [Record(f"{number}:{file}", file, boxes, "test") for number, file in sorted(found)]


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one `N_points.mat`."""
    number = int(record.face.partition(":")[0])
    points, occluded = (read_variables(root, record.where, ("Points", "Occ"))[name] for name in ("Points", "Occ"))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{record.where}:Points: expected {scheme.num_landmarks} x 2, got {points.shape}")
    landmarks = to_landmarks((points.astype(np.float64) - 1).tolist(), record.where, scheme.num_landmarks)
    if occluded.size != len(landmarks):
        raise ValueError(f"{record.where}:Occ: expected {len(landmarks)} flags, got {occluded.size}")
    num_pictures = count_cells(root, CONTAINER, PICTURES)
    if not 1 <= number <= num_pictures:
        raise ValueError(f"{record.where}: no picture {number} in {CONTAINER}:{PICTURES}, which has {num_pictures}")
    return Annotation(
        face=str(number),
        image=picture_name(CONTAINER, PICTURES, number),
        landmarks=landmarks,
        visible=occluded.ravel() == 0,
        subject=str(number),
        box=_box(root, record.text, number) if record.text else None,
        split="test",
    )


def _box(root: Path, file: str, number: int) -> Box:
    boxes = read_variables(root, file, ("bboxes",))["bboxes"]
    if boxes.ndim != 2 or boxes.shape[1] != 4 or len(boxes) < number:
        raise ValueError(f"{file}:bboxes[{number}]: expected at least {number} x 4, got {boxes.shape}")
    return box_of(boxes[number - 1])


COFW68 = Dataset("cofw68", ("ibug68",), records, parse, read_picture, {"test": 507})
