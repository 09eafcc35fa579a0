"""Which files are opened: regular ones. Opening a pipe waits for ever, and a device may do anything."""

from __future__ import annotations

import stat
from pathlib import Path


def check_regular(path: Path) -> None:
    """Refuses what is not a regular file, without opening it; a link is what it leads to.

    Raises:
        ValueError: It is missing, cannot be reached, or is a folder, a pipe, a socket or a device; does not name it.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    if not stat.S_ISREG(mode):
        raise ValueError(f"expected a regular file, got a {_kind(mode)}")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")
