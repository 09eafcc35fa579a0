"""Room on the disks that are written to: whether a failure is of a full one, and whether there is enough before one begins."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from tempfile import gettempdir

from pipelines.runtime.environment import ROOT, storage

MB = 10**6
# Below this nothing goes well any more.
LEAST = 16 * MB
# What tools say of it: the system, SQLite, Ray, and a quota's.
WORDS = re.compile(r"No space left on device|database or disk is full|OutOfDisk|Disk quota exceeded", re.IGNORECASE)
WAY_OUT = "free some (`du -sh .dvc/cache .state artifacts runs`)"


def full(said: str) -> str:
    """What to say of a failure that is of a full disk; "" where it is not.

    Args:
        said: What failed has said.
    """
    short = [place for place in places() if shutil.disk_usage(place).free < LEAST]
    if not short and not WORDS.search(said):
        return ""
    where = f"the disk of {short[0]} is full, with {_free(short[0])} MB free" if short else "a disk is full"
    return f"{where}: {WAY_OUT}, and give the same command again: it goes on where this one ended"


def full_by(error: BaseException | None) -> str:
    """The same of an error, and of those that led to it."""
    said = []
    while error is not None:
        said.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return full("\n".join(said))


def places() -> list[Path]:
    """The folders that commands write into, where they are there: each may lie on a disk of its own."""
    named = [ROOT, *(ROOT / name for name in (".dvc/cache", ".state", "artifacts", "reports", "runs"))]
    return [place for place in [*named, Path(storage()), Path(gettempdir())] if place.is_dir()]


def require(num_bytes: int, what: str, place: Path) -> None:
    """Refuses to begin what a disk has no room for.

    Raises:
        ValueError: With how much there is and how much it takes.
    """
    if shutil.disk_usage(place).free < num_bytes:
        raise ValueError(
            f"the disk of {place} has {_free(place)} MB free, and {what} takes about {-(-num_bytes // MB)} MB: {WAY_OUT}"
        )


def _free(place: Path) -> int:
    return shutil.disk_usage(place).free // MB
