"""300W-LP: 300-W's photos turned to other poses, and mirrored: `AFW`, `HELEN`, `IBUG`, `LFPW` and their `_Flip`.

`SET/NAME.jpg` with `SET/NAME.mat` beside it (`pt2d` 2 x 68), or, where that is not there, `landmarks/SET/NAME_pts.mat`
(`pts_2d` 68 x 2). Coordinates are 1-based: its authors' MATLAB code (3DDFA) turns y from upwards to downwards by
height + 1 - y and draws with that; 1 is subtracted here. It is all for training,
and has 300-W's test photos in it: who is trained on all of it is not measured on 300-W.

Reference: Zhu et al., "Face Alignment Across Large Poses: A 3D Solution", CVPR 2016.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, find_picture, no_records, to_landmarks
from components.datasets.matlab import read_numbers
from components.samples import Annotation
from components.schemes import Scheme

SETS = ("AFW", "HELEN", "IBUG", "LFPW")
FOLDERS = tuple(f"{name}{flip}" for name in SETS for flip in ("", "_Flip"))
# As the paper counts, and as many mirrored.
COMPLETE = {"train": 2 * 61225, "afw": 2 * 5207, "helen": 2 * 37676, "ibug": 2 * 1786, "lfpw": 2 * 16556}


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each picture and for each file of landmarks: neither is passed over in silence."""
    found = []
    for folder in FOLDERS:
        own = [path for path in (root / folder).glob("*") if path.suffix in (".jpg", ".mat")]
        apart = (root / "landmarks" / folder).glob("*_pts.mat")
        stems = {path.stem for path in own} | {path.stem.removesuffix("_pts") for path in apart}
        found += [Record(f"{folder}/{stem}", _where(root, folder, stem), split="train") for stem in sorted(stems)]
    if not found:
        raise no_records(root, f"NAME.jpg with NAME.mat in {', '.join(FOLDERS)}")
    return found


def _where(root: Path, folder: str, stem: str) -> str:
    beside, apart = f"{folder}/{stem}.mat", f"landmarks/{folder}/{stem}_pts.mat"
    return apart if (root / apart).is_file() and not (root / beside).is_file() else beside


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one file of landmarks and finds its picture."""
    marks = read_marks(root, record.where)
    folder, _, stem = record.face.partition("/")
    return Annotation(
        face=record.face,
        image=find_picture(root, [f"{record.face}.jpg"], record.where),
        landmarks=to_landmarks((marks - 1).tolist(), record.where, scheme.num_landmarks),
        visible=np.ones(len(marks), bool),
        subject=photo_of(stem),
        subsets=(folder.removesuffix("_Flip").lower(),),
        split="train",
    )


def read_marks(root: Path, file: str) -> np.ndarray:
    """The landmarks of either file, (K, 2) float64, (x, y), 1-based."""
    name = "pts_2d" if file.endswith("_pts.mat") else "pt2d"
    array = read_numbers(root, file, (name,))[name].astype(np.float64)
    marks = array.T if name == "pt2d" else array
    if marks.ndim != 2 or marks.shape[1] != 2:
        raise ValueError(f"{file}:{name}: expected {'2 x K' if name == 'pt2d' else 'K x 2'}, got {array.shape}")
    return marks


def photo_of(stem: str) -> str:
    """The photo that a picture was made from: the name up to its first number, which its poses and faces follow.

    >>> photo_of("AFW_134212_1_0"), photo_of("LFPW_image_train_0001_11")
    ('AFW_134212', 'LFPW_image_train_0001')
    """
    words = stem.split("_")
    first = next((i for i, word in enumerate(words) if word.isdecimal()), len(words) - 1)
    return "_".join(words[: first + 1])


IBUG300W_LP = Dataset("300w_lp", ("ibug68",), records, parse, complete=COMPLETE, licence="research only")
