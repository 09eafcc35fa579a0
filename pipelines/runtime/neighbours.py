"""Other processes of this machine, as /proc tells of them; where there is no /proc, there are none."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")


def pids() -> list[int]:
    """Of all processes but this one."""
    found = (int(path.name) for path in PROC.glob("[0-9]*"))
    return sorted(pid for pid in found if pid != os.getpid())


def command(pid: int) -> list[str]:
    """The words that it was started with; none when it is gone, or a zombie."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(word) for word in words.split(b"\0") if word]


def folder(pid: int) -> Path | None:
    """Its working folder; None when it is gone, or another user's."""
    try:
        return (PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None


def parent(pid: int) -> int:
    """The number of its parent; 0 when it is gone."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def having_open(file: Path) -> list[int]:
    """Those that have a file open, other users' left out."""
    return [pid for pid in pids() if _has_open(pid, file)]


def _has_open(pid: int, file: Path) -> bool:
    try:
        links = list((PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False
    return any(_is(link, file) for link in links)


def _is(link: Path, file: Path) -> bool:
    try:
        return link.samefile(file)
    except OSError:  # closed meanwhile
        return False


def holding(lock: Path) -> list[int]:
    """Those that hold a lock on a file, itself untouched: trying would be in the way of who wants it now."""
    if not (PROC / "locks").is_file():
        return []
    number = str(lock.stat().st_ino)
    rows = [line.split() for line in (PROC / "locks").read_text(encoding="utf-8").splitlines()]
    # 1: FLOCK ADVISORY WRITE PID DEVICE:DEVICE:INODE 0 EOF; those that wait have an arrow behind the number.
    held = {int(row[4]) for row in rows if row[1] != "->" and row[5].rpartition(":")[2] == number}
    open_by = set(having_open(lock)) | {os.getpid()}  # an inode's number is of one file system only
    # Who took a lock may be gone and have left it to its children, which have the file open.
    return sorted(held & open_by or (open_by - {os.getpid()} if held else set()))
