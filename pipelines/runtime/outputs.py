"""Outputs appear whole or not at all: written to a sibling, renamed last."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
def whole_file(path: Path) -> Iterator[Path]:
    """Yields the name of a sibling to write, and puts it in the place of `path` when the block ends well.

    Raises:
        ValueError: The place cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
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
    """Holds a lock file for the block; a process that dies lets go of it.

    Raises:
        ValueError: Somebody else holds it, with `busy` as the message.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(busy) from None
        yield


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Waits for a lock file and holds it for the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
