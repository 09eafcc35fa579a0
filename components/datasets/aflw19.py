"""AFLW-19: `AFLWinfo_release.mat`, 24,386 faces of AFLW with 19 landmarks, and AFLW's own `flickr/{0,2,3}`.

Its variables: `nameList` (picture of each face), `bbox` (n x 4: x_min x_max y_min y_max), `data` (n x 38: 19 x, then 19 y),
`mask_new` (n x 19, 1 = visible; the hidden ones have positions too) and `ra`, a permutation: its first 20,000 faces are for
training, the others for testing. "frontal" is the test faces with all 19 visible. Coordinates are 0-based and taken as they
stand: the boxes are those of AFLW's own database, unshifted, which a C++ tool wrote.

Reference: Zhu et al., "Unconstrained Face Alignment via Cascaded Compositional Learning", CVPR 2016.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, find_picture, finite_box, no_records, to_landmarks
from components.datasets.matlab import read_variables
from components.samples import Annotation, Box
from components.schemes import Scheme

FILE = "AFLWinfo_release.mat"
VARIABLES = ("nameList", "bbox", "data", "mask_new", "ra")
NUM_TRAIN = 20_000
# Where AFLW's pictures lie: as unpacked, or moved up.
PICTURES = ("flickr", "data/flickr", "aflw/data/flickr", "aflw/flickr")
GROUPS = ("0", "2", "3")


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each row, a face."""
    if not (root / FILE).is_file():
        raise no_records(root, f"{FILE} beside flickr/{{0,2,3}}")
    order = _arrays(root)["ra"].ravel().astype(np.int64) - 1  # MATLAB counts from 1
    splits = np.full(len(order), "train", object)
    splits[order[NUM_TRAIN:]] = "test"
    return [Record(str(n), f"{FILE}:data[{n}]", split=split) for n, split in enumerate(splits.tolist(), 1)]


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Takes one row."""
    arrays, row = read_variables(root, FILE, VARIABLES), int(record.face) - 1
    name, visible = str(arrays["nameList"][row]), arrays["mask_new"][row] != 0
    coordinates = arrays["data"][row].reshape(2, -1)
    landmarks = to_landmarks(coordinates.T.tolist(), record.where, scheme.num_landmarks)
    return Annotation(
        face=f"{name}:{record.face}",
        image=find_picture(root, places(name), record.where),
        landmarks=landmarks,
        visible=visible,
        subject=name,
        box=_box(arrays["bbox"][row], f"{FILE}:bbox[{record.face}]"),
        subsets=("full", "frontal")[: 2 if visible.all() else 1] if record.split == "test" else (),
        split=record.split,
    )


def _box(row: np.ndarray, where: str) -> Box:
    """x_min x_max y_min y_max, of which a few have their edges the other way round -> the box.

    Raises:
        ValueError: One is NaN or infinite; the message says where.
    """
    x0, x1, y0, y1 = (float(edge) for edge in row)
    try:
        finite_box(x0, y0, x1, y1)  # first: min and max pass over NaN
    except ValueError as error:
        raise ValueError(f"{where}: {error}: {x0} {x1} {y0} {y1}") from error
    return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def places(name: str) -> list[str]:
    """Where AFLW's picture may lie, named with its group (0/image00002.jpg) or without."""
    names = [name] if "/" in name else [f"{group}/{name}" for group in GROUPS]
    return [f"{folder}/{name}" for folder in PICTURES for name in names]


def _arrays(root: Path) -> dict[str, np.ndarray]:
    """The variables, which fit each other.

    Raises:
        ValueError: One is missing or of another shape.
    """
    arrays = read_variables(root, FILE, VARIABLES)
    count = len(arrays["data"])
    shapes = {"nameList": (count,), "bbox": (count, 4), "data": (count, 38), "mask_new": (count, 19)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{FILE}:{name}: expected {_size(shape)}, got {_size(arrays[name].shape)}")
    if not np.array_equal(np.sort(arrays["ra"].ravel()), np.arange(1, count + 1)):
        raise ValueError(f"{FILE}:ra: expected a permutation of 1..{count}")
    return arrays


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


COMPLETE = {"train": 20000, "test": 4386, "full": 4386, "frontal": 1314}
AFLW19 = Dataset("aflw19", ("aflw19",), records, parse, complete=COMPLETE, licence="research only", marks_hidden=True)
