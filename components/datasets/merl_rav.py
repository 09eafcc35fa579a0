"""MERL-RAV: 19,314 faces of AFLW with 68 landmarks, each seen, occluded by something, or by the face itself.

`{frontal,left,lefthalf,right,righthalf}/{trainset,testset}/labels/NAME.pts`, at the folder's root, below `merl_rav_labels` (as
released) or, with the pictures beside the `.pts`, below `merl_rav_organized` (as its script makes it). The picture of
NAME, image12345 or image12345_2 for the second face, is NAME.jpg beside the `.pts`, in `images` beside `labels`, or AFLW's
image12345.jpg in one of the places that `components.datasets.aflw19` knows.

Negative coordinates are those of a landmark hidden by something, at their magnitude; -1 -1 is one hidden by the face,
whose position nobody gave: NaN here. The format is 300-W's `.pts`, read by its authors with 300-W's reader, and so
taken as 1-based like those; no file says so.

Reference: Kumar et al., "LUVLi Face Alignment", CVPR 2020.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from components.datasets.aflw19 import places
from components.datasets.base import Dataset, Record, find_picture, no_records
from components.datasets.ibug300w import read_pts
from components.samples import Annotation
from components.schemes import Scheme

ROOTS = ("", "merl_rav_labels/", "merl_rav_organized/")
# Folder -> the subset that its authors report.
POSES = {
    "frontal": "frontal",
    "left": "profile",
    "lefthalf": "half_profile",
    "right": "profile",
    "righthalf": "half_profile",
}
SPLITS = {"trainset": "train", "testset": "test"}
# The paper's, and as many as there are files in the released folders; subsets are of the test faces.
COMPLETE = {"train": 15449, "test": 3865, "frontal": 2195, "half_profile": 601, "profile": 1069}


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each `.pts` of the first of the layouts that is there."""
    for prefix in ROOTS:
        found = []
        for folder in (f"{pose}/{split}" for pose in POSES for split in SPLITS):
            files, split = sorted((root / f"{prefix}{folder}").rglob("*.pts")), SPLITS[folder.partition("/")[2]]
            found += [Record(f"{folder}/{path.stem}", path.relative_to(root).as_posix(), "", split) for path in files]
        if found:
            return found
    raise no_records(root, "{frontal,left,lefthalf,right,righthalf}/{trainset,testset}/labels/NAME.pts")


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one `.pts` and finds its picture."""
    landmarks, visible = read_signed(root, record.where, scheme.num_landmarks)
    pose, split, name = record.face.split("/")
    photo = re.sub(r"_\d+$", "", name)
    folder = record.where.rpartition("/")[0]
    beside = [f"{folder}/{name}.jpg", f"{folder.removesuffix('/labels')}/images/{name}.jpg"]
    return Annotation(
        face=record.face,
        image=find_picture(root, [*beside, *places(f"{photo}.jpg")], record.where),
        landmarks=landmarks,
        visible=visible,
        subject=photo,
        subsets=(POSES[pose],) if split == "testset" else (),
        split=SPLITS[split],
    )


def read_signed(root: Path, file: str, num_landmarks: int) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (K, 2) float32, 0-based, NaN without a position, and (K,) bool, visible.

    Raises:
        ValueError: As `read_pts` does.
    """
    signed = read_pts(root, file, num_landmarks)
    absent = (signed == -1).all(axis=1, keepdims=True)
    return np.where(absent, np.float32(np.nan), np.abs(signed) - 1), np.logical_not((signed < 0).any(axis=1))


MERL_RAV = Dataset(
    "merl_rav", ("ibug68",), records, parse, complete=COMPLETE, licence="research only", marks_hidden=True
)
