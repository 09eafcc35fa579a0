"""Outputs appear whole or not at all: written to a sibling, renamed last."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipelines.runtime import neighbours


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yields an empty sibling of `path`, and puts it in its place when the block ends well.

    Raises:
        ValueError: The place cannot be written.
    """
    partial, former = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.former")
    try:
        if former.exists() and not path.exists():  # a crash between the two renames below
            former.rename(path)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield partial
        shutil.rmtree(former, ignore_errors=True)
        if path.exists():
            path.rename(former)
        partial.rename(path)
        shutil.rmtree(former, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def resumable_folder(path: Path, journal: str, resume: bool, overwrite: bool) -> Iterator[Path]:
    """As `whole_folder`, but what a block that did not end well has written stays beside `path`, for one that goes on.

    Args:
        path: Of the folder.
        journal: Name of a file in it: while it is there, there is something to go on with; it is none of the output.
        resume: Whether to go on with what is there; else there must be nothing.
        overwrite: Whether to begin anew whatever is there.

    Raises:
        ValueError: The place cannot be written, another process is at it, or work that was cut short is there.
    """
    partial, former = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.former")
    try:
        if former.exists() and not path.exists():  # a crash between the two renames below
            former.rename(path)
        partial.mkdir(parents=True, exist_ok=True)
        place = os.open(partial, os.O_RDONLY)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error
    try:
        if not _taken(place):  # the folder itself is the lock: it goes with it when it is renamed
            raise ValueError(f"another process is writing {path} ({neighbours.names(neighbours.holding(partial))})")
        begun = (partial / journal).exists()
        if begun and not resume and not overwrite:
            raise ValueError(f"work on {path} was cut short: go on with it by --resume, or begin anew by --overwrite")
        if not begun or not resume:
            _empty(partial)
        try:
            yield partial
        except BaseException:
            if not (partial / journal).exists():
                shutil.rmtree(partial, ignore_errors=True)
            raise
        shutil.rmtree(former, ignore_errors=True)
        if path.exists():
            path.rename(former)
        partial.rename(path)
        (path / journal).unlink(missing_ok=True)
        shutil.rmtree(former, ignore_errors=True)
    finally:
        os.close(place)


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields the name of a sibling to write, and puts it in the place of `path` when the block ends well.

    Raises:
        ValueError: The place cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def alone(path: Path, busy: str) -> Iterator[None]:
    """Holds a lock file, whose content stays, for the block; a process that dies lets go of it.

    Raises:
        ValueError: Somebody else holds it, with `busy` as the message, and who it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if not _taken(file):
            raise ValueError(f"{busy} ({neighbours.names(neighbours.holding(path))})")
        yield


@contextmanager
def in_turn(path: Path, waiting: Callable[[], str] | None = None) -> Iterator[int]:
    """Waits for a lock file and holds it for the block; yields the number of the open file, by which a child holds it too.

    Args:
        path: Of the lock file.
        waiting: What to say where there is somebody to wait for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        if not _taken(file):
            if waiting:
                print(waiting(), flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _taken(file: IO[str] | int) -> bool:
    """Takes a lock on an open file or folder, if nobody else has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
