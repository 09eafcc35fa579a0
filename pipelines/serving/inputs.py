"""The pictures that somebody names: files, folders with all that is below them, and one on standard input."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

STDIN = Path("-")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
# A name that ends so keeps it when it is drawn on; any other gets a second end.
DRAWN_AS_IS, DRAWN_AS = (".jpg", ".jpeg", ".png"), ".png"


@dataclass(frozen=True)
class Input:
    """A picture to be read.

    Attributes:
        path: Of the file; its folder without links, so that one file has one path.
        name: Its own name, or FOLDER/PATH below the folder that was given: where it is in every output.
        base: The folder from which a list of boxes may name it: the one that was given, or the file's.
    """

    path: Path
    name: str
    base: Path

    @property
    def drawing(self) -> str:
        """Name of the picture with landmarks on it."""
        return self.name if self.path.suffix.lower() in DRAWN_AS_IS else self.name + DRAWN_AS


def gather(places: Sequence[Path]) -> list[Input]:
    """Every picture of the places, in their order; within a folder by name.

    In a folder, a file is a picture by its name's end; a file that is named itself is one whatever its name.

    Raises:
        ValueError: A place is not there, holds no picture, or two pictures would have one name.
    """
    found = [picture for place in places for picture in _pictures(place)]
    owners: dict[str, Input] = {}
    for picture in found:
        other = owners.setdefault(picture.drawing, picture)
        if other is not picture:
            both = " and ".join(dict.fromkeys(shown(str(one.path)) for one in (other, picture)))
            raise ValueError(f"{both} would be drawn twice as {shown(picture.drawing)}: give them one after the other")
    return found


def fingerprint(sources: Sequence[Input]) -> str:
    """A hash of which files they are, how large, and of when."""
    known = hashlib.sha256()
    for source in sources:
        stat = source.path.stat()
        known.update(
            f"{source.path}\0{source.name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode(errors="surrogateescape")
        )
    return known.hexdigest()


def with_standard_input(places: Sequence[Path], folder: Path) -> list[Path]:
    """The places, with `-` read into the file `stdin` in a folder."""
    if STDIN in places:
        with (folder / "stdin").open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    return [folder / "stdin" if place == STDIN else place for place in places]


def _pictures(place: Path) -> list[Input]:
    if place.is_file():
        folder = place.parent.resolve()
        return [Input(folder / place.name, place.name, folder)]
    if not place.is_dir():
        raise ValueError(f"{shown(str(place))}: expected a picture or a folder, found {_what(place)}")
    root = place.resolve()
    found = [Input(path, (Path(root.name) / path.relative_to(root)).as_posix(), root) for path in _walk(root)]
    if not found:
        raise ValueError(f"{shown(str(place))} holds no picture: no file that ends in {', '.join(SUFFIXES)}")
    return found


def _what(place: Path) -> str:
    return "neither" if place.exists() else "nothing"


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root, onerror=_refuse):
        folders.sort()
        paths = (Path(folder) / name for name in sorted(files) if name.lower().endswith(SUFFIXES))
        yield from (path for path in paths if path.is_file())


def _refuse(error: OSError) -> None:
    raise ValueError(f"{shown(str(error.filename))} cannot be listed: {error.strerror}")


def shown(name: str) -> str:
    """A name as a terminal may have it: control characters and undecodable bytes are written out.

    >>> shown("a\\x1b[2J.jpg")
    'a\\\\x1b[2J.jpg'
    """
    return name if name.isprintable() else name.encode("unicode_escape").decode()
