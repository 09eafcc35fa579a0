"""Folders that commands leave for people to look at: logs of Rays that have ended, and versions that were made again.

One that is younger than a day stays, and one that a process uses: works in, or was started with its name.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pipelines.gc.item import Item
from pipelines.runtime import neighbours

DAY_S = 24 * 3600


def ray_sessions(*tops: Path) -> Iterator[Item]:
    """Logs of a Ray that a stage started; some 2 MB each."""
    for folder in _unused([folder for top in tops for folder in top.glob("session_*")]):
        yield Item("logs of Ray", folder.name, _size(folder), partial(shutil.rmtree, folder))


def reproductions(top: Path, root: Path) -> Iterator[Item]:
    """Worktrees of `heatmark reproduce`, each with packages of its own."""
    for folder in _unused(list(top.glob("*-*"))):
        words = ["git", "worktree", "remove", "--force", str(folder)]
        remove = partial(subprocess.run, words, cwd=root, check=True, capture_output=True)
        yield Item("versions made again", folder.name, _size(folder), remove)


def _unused(folders: list[Path]) -> list[Path]:
    young, used = time.time() - DAY_S, [_of_process(pid) for pid in neighbours.pids()]
    old = [path for path in sorted(folders) if path.is_dir() and not path.is_symlink() and path.stat().st_mtime < young]
    return [path for path in old if not any(_uses(path, *one) for one in used)]


def _of_process(pid: int) -> tuple[list[str], Path | None]:
    return neighbours.command(pid), neighbours.folder(pid)


def _uses(path: Path, words: list[str], works_in: Path | None) -> bool:
    return any(path.name in word for word in words) or (works_in is not None and works_in.is_relative_to(path))


def _size(folder: Path) -> int:
    """Bytes of its files; a file of several names, as of packages, counts in each."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
