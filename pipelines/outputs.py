"""Outputs appear whole or not at all: written to a sibling, renamed last."""

from __future__ import annotations

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
    partial = path.with_name(f".{path.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield partial
        former = path.with_name(f".{path.name}.former")
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
