"""300-W: `afw`, `helen/{trainset,testset}`, `lfpw/{trainset,testset}`, `ibug`, and the private `300W/{01_Indoor,02_Outdoor}`.

One `.pts` beside each picture, 68 landmarks, 1-based (as MATLAB counts), with or without its header; 1 is subtracted here.

Reference: Sagonas et al., "300 Faces In-the-Wild Challenge: database and results", IVC 2016.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, no_records, to_landmarks
from components.samples import Annotation
from components.schemes import Scheme

PICTURES = (".jpg", ".png", ".jpeg")
# Folder -> (split, subsets); the folders that stand here are the benchmark's, any other is a user's own. "full" is the
# public test set, common and challenge together; the private one is apart.
FOLDERS = {
    "ibug": ("test", ("challenge", "full")),
    "helen/testset": ("test", ("common", "full")),
    "lfpw/testset": ("test", ("common", "full")),
    "300W/01_Indoor": ("test", ("private",)),
    "300W/02_Outdoor": ("test", ("private",)),
    "helen/trainset": ("train", ("helen",)),
    "lfpw/trainset": ("train", ("lfpw",)),
    "afw": ("train", ("afw",)),
}
TRAIN = {"train": 3148, "afw": 337, "helen": 2000, "lfpw": 811}
TEST = {"test": 1289, "common": 554, "challenge": 135, "full": 689, "private": 600}


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each picture and for each `.pts` without one: neither is passed over in silence."""
    files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    stems = {path.with_suffix("").as_posix() for path in files if path.suffix.lower() in (*PICTURES, ".pts")}
    if not stems:
        raise no_records(root, "pictures with a .pts beside each, as 300-W ships them")
    return [Record(stem, f"{stem}.pts", split=_folder(stem)[0]) for stem in sorted(stems)]


def _folder(face: str) -> tuple[str, tuple[str, ...]]:
    """Split and subsets of a face, as its folder says."""
    return FOLDERS.get(face.rpartition("/")[0], ("train", ()))


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one `.pts` and finds its picture."""
    landmarks = read_pts(root, record.where, scheme.num_landmarks)
    image = _picture(root, record.face)
    folder, _, name = record.face.rpartition("/")
    photo = name.split("_")[0]
    split, subsets = _folder(record.face)
    return Annotation(
        face=record.face,
        image=image,
        landmarks=landmarks - 1,
        visible=np.ones(len(landmarks), bool),
        # AFW has several faces per photo, ID_1, ID_2, ...; none may sit in two splits. LFPW's image_0001 is a photo.
        subject=f"{folder}/{photo if photo.isdigit() else name}",
        subsets=subsets,
        split=split,
    )


def read_pts(root: Path, name: str, num_landmarks: int) -> np.ndarray:
    """The landmarks of a `.pts` file, (K, 2) float32, as written (1-based).

    Raises:
        ValueError: Missing, cut short, not numbers or not finite ones, or another number of landmarks; the message names file and line.
    """
    try:
        lines = (root / name).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror or error}") from error
    body = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    if any("{" in words for _, words in body):
        if not any("}" in words for _, words in body):
            raise ValueError(f"{name}:{len(lines)}: ends before the closing brace")
        start = next(i for i, (_, words) in enumerate(body) if "{" in words)
        end = next(i for i, (_, words) in enumerate(body) if "}" in words)
        body = body[start + 1 : end]
    for number, words in body:
        if len(words) != 2 or not all(_is_number(word) for word in words):
            raise ValueError(f"{name}:{number}: expected two numbers, got {' '.join(words)[:40]!r}")
    return to_landmarks([words for _, words in body], name, num_landmarks)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _picture(root: Path, face: str) -> str:
    for suffix in PICTURES:
        for spelling in (suffix, suffix.upper()):
            if (root / (face + spelling)).is_file():
                return face + spelling
    raise ValueError(f"{face}.pts: no picture beside it ({', '.join(PICTURES)})")


IBUG300W = Dataset("300w", ("ibug68",), records, parse, complete=TRAIN | TEST)
