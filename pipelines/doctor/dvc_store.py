"""Where DVC keeps versions: its cache's folder and its remote, as its config names them; read without DVC, in no time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from configparser import ConfigParser
from pathlib import Path

CHUNK = 1 << 20


def config(root: Path) -> ConfigParser:
    """DVC's config of this checkout, one's own (`config.local`) over the committed one.

    Raises:
        ValueError: It cannot be read.
    """
    read = ConfigParser(interpolation=None, strict=False)
    for name in ("config", "config.local"):
        try:
            read.read(root / ".dvc" / name, encoding="utf-8")
        except Exception as error:
            raise ValueError(f".dvc/{name} cannot be read: {error}") from error
    return read


def cache(root: Path) -> Path:
    """The folder of files that are called by their MD5."""
    named = config(root).get("cache", "dir", fallback="cache")
    return root / ".dvc" / named / "files" / "md5"


def kept(folder: Path, md5: str) -> Path:
    """Where a cache has a file."""
    return folder / md5[:2] / md5[2:]


def listing(folder: Path, md5: str) -> dict[str, str] | None:
    """A versioned folder's files: path -> MD5. None where the cache has no such listing, or a damaged one."""
    path = kept(folder, md5)
    if not path.is_file() or _md5(path) != md5.removesuffix(".dir"):
        return None
    return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}


def differing(files: Iterable[tuple[Path, str]], budget: int) -> tuple[list[Path], int]:
    """Files whose bytes are not of their MD5, and how many were read before so many bytes were."""
    found, num_read = [], 0
    for path, md5 in files:
        if (budget := budget - path.stat().st_size) < 0:
            break
        num_read += 1
        if _md5(path) != md5.removesuffix(".dir"):
            found.append(path)
    return found, num_read


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
