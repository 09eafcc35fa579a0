"""Other processes of this machine: what they are, where they work, and which files and locks they hold."""

from __future__ import annotations

import os
import shlex
from datetime import datetime
from pathlib import Path

import psutil

from pipelines.runtime.secrets import without_secrets

LOCKS = Path("/proc/locks")


def pids() -> list[int]:
    """Of all processes but this one."""
    return [pid for pid in psutil.pids() if pid != os.getpid()]


def command(pid: int) -> list[str]:
    """The words that it was started with; none when it is gone, a zombie, or not ours to ask."""
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def named(pid: int) -> str:
    """For people: what it is, and since when it runs."""
    try:
        since = datetime.fromtimestamp(psutil.Process(pid).create_time())
    except psutil.Error:
        return f"process {pid}"
    return f"process {pid}, since {since:%Y-%m-%d %H:%M} ({without_secrets(shlex.join(command(pid)))})"


def folder(pid: int) -> Path | None:
    """Its working folder; None when it is gone, or another user's."""
    try:
        return Path(psutil.Process(pid).cwd())
    except psutil.Error:
        return None


def parent(pid: int) -> int:
    """The number of its parent; 0 when it is gone."""
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return 0


def having_open(file: Path) -> list[int]:
    """Those that have a file open, other users' left out."""
    return [pid for pid in pids() if _has_open(pid, str(file.resolve()))]


def names(pids: list[int]) -> str:
    """For people: these processes."""
    return ", ".join(map(named, pids)) or "a process that this system does not name"


def _has_open(pid: int, path: str) -> bool:
    try:
        return any(one.path == path for one in psutil.Process(pid).open_files())
    except psutil.Error:
        return False


def holding(lock: Path) -> list[int]:
    """Those that hold a lock on a file, itself untouched: trying would be in the way of who wants it now."""
    if not LOCKS.is_file():
        return []
    number = str(lock.stat().st_ino)
    rows = [line.split() for line in LOCKS.read_text(encoding="utf-8").splitlines()]
    # 1: FLOCK ADVISORY WRITE PID DEVICE:DEVICE:INODE 0 EOF; those that wait have an arrow behind the number.
    held = {int(row[4]) for row in rows if row[1] != "->" and row[5].rpartition(":")[2] == number}
    open_by = set(having_open(lock)) | {os.getpid()}  # an inode's number is of one file system only
    # Who took a lock may be gone and have left it to its children, which have the file open.
    return sorted(held & open_by or (open_by - {os.getpid()} if held else set()))
