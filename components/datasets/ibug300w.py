"""300-W: `afw`, `helen/{trainset,testset}`, `lfpw/{trainset,testset}`, `ibug`, and the private `300W/{01_Indoor,02_Outdoor}`.

These folders may lie at any depth and be written in any case, as archives unpack them (`300w_cropped/01_Indoor`,
`ibug_300W_large_face_landmark_dataset/helen/testset`): a face goes by its folder in the benchmark, not by the real one,
and so does its split. One `.pts` beside each picture, 68 landmarks, 1-based (as MATLAB counts), with or without its
header; 1 is subtracted here.

Reference: Sagonas et al., "300 Faces In-the-Wild Challenge: database and results", IVC 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, list_files, no_records, read_text, to_landmarks
from components.samples import Annotation
from components.schemes import Scheme

PICTURES = (".jpg", ".png", ".jpeg")
# Folder -> (split, subsets). "full" is the public test set, common and challenge together; the private one is apart.
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


# dlib's archive has a mirrored copy of each face, of the test faces too.
MIRRORED = "_mirror"


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each picture and for each `.pts` without one: neither is passed over in silence.

    Raises:
        ValueError: There are none, faces lie in a folder that the benchmark does not have, or in two that are the same
            to it: a test face that passed for one to train on would make every number worthless.
    """
    files: dict[str, str] = {}  # name without suffix -> its `.pts`, as it is written
    for name in list_files(root):
        stem, suffix = name.rpartition(".")[::2]
        if suffix.lower() == "pts":
            files[stem] = name
        elif f".{suffix.lower()}" in PICTURES:
            files.setdefault(stem, f"{stem}.pts")
    if not files:
        raise no_records(root, "pictures with a .pts beside each, as 300-W ships them")
    official = _official_folders(root, files)
    found = []
    for stem, where in files.items():
        folder, slash, name = stem.rpartition("/")
        face = f"{official.get(folder, folder)}{slash}{name}"
        found.append(Record(face, where, split=_folder(face)[0]))
    return sorted(found)


def _official_folders(root: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Real folder -> the benchmark's; those that hold pictures alone, and are not the benchmark's, are left out."""
    real = {stem.rpartition("/")[0] for stem in files}
    official = {folder: name for folder in sorted(real) for name in [official_name(folder)] if name}
    held = {stem.rpartition("/")[0] for stem, where in files.items() if (root / where).exists()}
    strange = [folder or "." for folder in sorted(held - set(official))]
    if strange:
        raise ValueError(
            f"{root}: faces lie in {', '.join(strange[:4])}{', ...' if len(strange) > 4 else ''}, and 300-W has no such "
            f"folder; expected {', '.join(sorted(FOLDERS))}, at any depth; for faces of your own there is the reader csv"
        )
    by_name: dict[str, str] = {}
    for folder, name in official.items():
        if name in by_name:
            raise ValueError(f"{root}: {by_name[name]} and {folder} are both 300-W's {name}: keep one of them")
        by_name[name] = folder
    return official


def official_name(folder: str) -> str | None:
    """The benchmark's folder that a real one is, by its last parts in any case; None if it is none of them.

    >>> official_name("300w/Helen/testset"), official_name("300w_cropped/01_Indoor"), official_name("helen")
    ('helen/testset', '300W/01_Indoor', None)
    """
    path = f"/{folder.lower()}"
    # The private set's two are enough by themselves: DATA may be `300W`.
    return next((name for name in FOLDERS if path.endswith(f"/{name.removeprefix('300W/').lower()}")), None)


def _folder(face: str) -> tuple[str, tuple[str, ...]]:
    """Split and subsets of a face, as its folder says; a picture somewhere else has neither landmarks nor a split."""
    return FOLDERS.get(face.rpartition("/")[0], ("train", ()))


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one `.pts` and finds its picture."""
    folder, _, name = record.face.rpartition("/")
    if name.endswith(MIRRORED):
        raise ValueError(f"{record.where}: a mirrored copy, not a face of the benchmark; augment.flip mirrors faces")
    landmarks = read_pts(root, record.where, scheme.num_landmarks)
    image = _picture(root, record.where.rpartition(".")[0])
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
    lines = read_text(root, name).splitlines()
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


def _picture(root: Path, stem: str) -> str:
    for suffix in PICTURES:
        for spelling in (suffix, suffix.upper(), suffix.capitalize()):
            if (root / (stem + spelling)).is_file():
                return stem + spelling
    raise ValueError(f"{stem}.pts: no picture beside it ({', '.join(PICTURES)})")


IBUG300W = Dataset("300w", ("ibug68",), records, parse, complete=TRAIN | TEST, licence="research only")
