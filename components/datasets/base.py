"""What a reader is: the records that a dataset's folder holds, and how one becomes an annotation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from components import images
from components.files import check_regular
from components.samples import Annotation, Box
from components.schemes import SCHEMES, Scheme
from components.text import printable

LICENCE, LONGEST_LICENCE = "licence.txt", 200


class Record(NamedTuple):
    """One face as it stands in the dataset's files, not yet understood.

    Attributes:
        face: Unique within the dataset.
        where: File, or file and line, for messages; relative to the dataset's folder.
        text: What stands there, where the reader has it in hand already.
        split: The benchmark's own, "train" or "test", where it is known before the record is read: also of a face that
            cannot be read.
        problem: Why it will not be read at all; "" if nothing is known against it.
    """

    face: str
    where: str
    text: str = ""
    split: str | None = None
    problem: str = ""


@dataclass(frozen=True)
class Dataset:
    """A public format.

    Listing and parsing are apart so that one bad record never costs its neighbours, and so that parsing can be
    distributed. Both are plain functions of a module, hence picklable.

    Attributes:
        name: Key in `DATASETS`.
        schemes: Names of the schemes it can be read in; the first is the usual one; empty for any.
        records: (folder, scheme) -> records in a fixed order, whatever the file system's. Raises ValueError if the
            folder has none.
        parse: (folder, scheme, record) -> Annotation. Raises ValueError with file and line.
        picture: (folder, name) -> (H, W, 3) uint8, RGB, of the picture that `Annotation.image` names. Raises ValueError
            with the name, also where it leads out of the folder.
        complete: How many faces a complete copy has, by split (train, test) and by subset; empty where nobody says.
        licence: What its pictures and landmarks may be used for, as far as we know; `licence_in` asks the folder first.
        marks_hidden: Whether the format has a mark for landmarks that are hidden; where it has none, all are called visible.
    """

    name: str
    schemes: tuple[str, ...]
    records: Callable[[Path, Scheme], list[Record]]
    parse: Callable[[Path, Scheme, Record], Annotation]
    picture: Callable[[Path, str], np.ndarray] = images.read
    complete: Mapping[str, int] = field(default_factory=dict)
    licence: str = "unknown"
    marks_hidden: bool = False

    def licence_in(self, root: Path) -> str:
        """The first line of the folder's licence.txt, where it has one; else what is known of the format."""
        path = root / LICENCE
        if not path.is_file() or path.is_symlink():
            return self.licence
        with path.open(encoding="utf-8", errors="replace") as file:
            return printable(file.readline(LONGEST_LICENCE).strip()) or self.licence

    def scheme(self, name: str | None = None) -> str:
        """The scheme to read in.

        Raises:
            ValueError: The dataset does not have this one.
        """
        chosen = name or next(iter(self.schemes), None)
        if chosen is None or (self.schemes and chosen not in self.schemes):
            raise ValueError(
                f"dataset {self.name!r} has no scheme {name!r}; known: {', '.join(self.schemes) or 'any, by name'}"
            )
        return chosen

    def read(self, root: Path | str, scheme: str | None = None) -> Iterator[Annotation]:
        """Yields every annotation of a folder.

        Raises:
            ValueError: At the first record that cannot be read, naming file and line.
        """
        markup = SCHEMES[self.scheme(scheme)]
        for record in self.records(Path(root), markup):
            yield self.parse(Path(root), markup, record)


def to_landmarks(rows: list, where: str, num_landmarks: int, hidden: np.ndarray | None = None) -> np.ndarray:
    """Rows of (x, y) -> (K, 2) float32, as they are (no change of convention).

    Args:
        rows: K of them.
        where: For messages.
        num_landmarks: K.
        hidden: (K,) bool, which of them may be without a position, NaN and NaN; None in a format that has a position
            for each: NaN beside a flag that means "occluded" would pass for one without.

    Raises:
        ValueError: Another number of landmarks than the scheme has, a row that is not two numbers, or one that is NaN or
            infinite and may not be.
    """
    if len(rows) != num_landmarks:
        raise ValueError(f"{where}: expected {num_landmarks} landmarks, got {len(rows)}")
    try:
        with np.errstate(over="ignore"):  # 1e39 is infinite to a float32, and refused as such
            landmarks = np.asarray(rows, np.float32).reshape(num_landmarks, 2)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{where}: expected two numbers for each of {num_landmarks} landmarks") from None
    bad = ~np.isfinite(landmarks).all(axis=1)
    if hidden is not None:
        bad &= ~(hidden & np.isnan(landmarks).all(axis=1))
    if bad.any():
        raise ValueError(f"{where}: {bad.sum()} landmarks are NaN or infinite, the first is number {bad.argmax()}")
    return landmarks


def finite_box(x0: float, y0: float, x1: float, y1: float) -> Box:
    """The box of these edges.

    Raises:
        ValueError: One is NaN or infinite.
    """
    if not np.isfinite([x0, y0, x1, y1]).all():
        raise ValueError("an edge is NaN or infinite")
    return Box(x0, y0, x1, y1)


def find_picture(root: Path, candidates: list[str], where: str) -> str:
    """The first of some names, relative to the folder, that is a file.

    Raises:
        ValueError: None is; the message says which record asked for it.
    """
    for name in candidates:
        if (root / name).is_file():
            return name
    more = f" (nor at {len(candidates) - 1} other places)" if len(candidates) > 1 else ""
    raise ValueError(f"{where}: its picture {candidates[0]} is missing{more}")


def list_files(root: Path) -> list[str]:
    """Names, relative to the folder, of everything below it but folders, sorted; linked folders are not entered.

    Links that lead nowhere and pipes are among them: whoever opens them says what is wrong.

    Raises:
        ValueError: A folder may not be read.
    """

    def refuse(error: OSError) -> None:
        raise ValueError(f"{error.filename}: {error.strerror}") from error

    tops = os.walk(root, onerror=refuse) if root.is_dir() else ()
    return sorted((Path(top) / name).relative_to(root).as_posix() for top, _, names in tops for name in names)


def read_text(root: Path, name: str) -> str:
    """The text of a small file of the dataset's, UTF-8; a byte order mark is dropped, and other bytes become U+FFFD.

    Raises:
        ValueError: Missing, unreadable or no regular file; the message names it.
    """
    try:
        check_regular(root / name)
        return (root / name).read_text(encoding="utf-8-sig", errors="replace")
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror or error}") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a file that lists faces, UTF-8 with or without a byte order mark.

    Raises:
        ValueError: It is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 at byte {error.start}") from error


def read_list(path: Path) -> list[str]:
    """The same of a list without a header.

    Raises:
        ValueError: It is not UTF-8, or empty.
    """
    lines = read_lines(path)
    if not any(line.strip() for line in lines):
        raise ValueError(f"{path} is empty")
    return lines


def no_records(root: Path, expected: str) -> ValueError:
    """The error of a folder without any record."""
    state = "is not a folder" if not root.is_dir() else "is empty" if not any(root.iterdir()) else "has no such file"
    return ValueError(f"{root} {state}; expected {expected}")
