"""WFLW: lists of faces with 98 landmarks, a detection rectangle, six attributes and the name of the picture.

`WFLW_images/GROUP/NAME.jpg` and `WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{train,test}.txt`. The
lists are taken as 0-based, as they stand: the released code that trains on them (HIH, STAR, ADNet) subtracts nothing and
mirrors by W - 1 - x. A picture is named by as many lines as it has faces, and some faces by several: a face goes by its
picture, list and line.

Reference: Wu et al., "Look at Boundary: A Boundary-Aware Face Alignment Algorithm", CVPR 2018.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, find_picture, finite_box, no_records, read_list, to_landmarks
from components.samples import Annotation, Box
from components.schemes import Scheme

LISTS = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{}.txt"
PICTURES = "WFLW_images"
# How many faces there are; the subsets, of test faces, in the order of the attributes.
SPLITS = {"train": 7500, "test": 2500}
SUBSETS = {"pose": 326, "expression": 314, "illumination": 698, "makeup": 206, "occlusion": 736, "blur": 773}


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each line of the lists that are there."""
    found = []
    for split in SPLITS:
        file = LISTS.format(split)
        if (root / file).is_file():
            lines = read_list(root / file)
            rows = [(n, line) for n, line in enumerate(lines, 1) if line.strip()]
            found += [Record(f"{split}:{n}", f"{file}:{n}", line, split) for n, line in rows]
    if not found:
        raise no_records(root, f"{LISTS.format('{train,test}')} with a line per face, beside {PICTURES}/")
    return found


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one line."""
    fields = record.text.split()
    expected = 2 * scheme.num_landmarks + 4 + len(SUBSETS) + 1
    if len(fields) != expected:
        raise ValueError(f"{record.where}: expected {expected} fields, got {len(fields)}")
    *numbers, name = fields
    coordinates, box, flags = np.split(np.array(numbers), [-10, -6])
    if not set(flags) <= {"0", "1"}:
        raise ValueError(f"{record.where}: expected {len(SUBSETS)} attributes of 0 or 1, got {' '.join(flags)}")
    split = record.face.partition(":")[0]
    image = find_picture(root, [f"{PICTURES}/{name}"], record.where)
    return Annotation(
        face=f"{name}:{record.face}",
        image=image,
        landmarks=to_landmarks(coordinates.reshape(-1, 2).tolist(), record.where, scheme.num_landmarks),
        visible=np.ones(scheme.num_landmarks, bool),
        subject=name,
        box=_box(box.tolist(), record.where),
        # The benchmark's subsets are of its test faces.
        subsets=tuple(a for a, flag in zip(SUBSETS, flags, strict=True) if flag == "1") if split == "test" else (),
        split=split,
    )


def _box(words: list[str], where: str) -> Box:
    try:
        return finite_box(*(float(word) for word in words))
    except ValueError as error:
        raise ValueError(f"{where}: the rectangle is not four numbers: {' '.join(words)}") from error


WFLW = Dataset("wflw", ("wflw98",), records, parse, complete=SPLITS | SUBSETS, licence="research only")
