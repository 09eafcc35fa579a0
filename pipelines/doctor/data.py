"""The data against data.dvc, without asking DVC, which would write down what it saw."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

from pipelines.doctor import dvc_store
from pipelines.doctor.check import Check, are, ok, some, warning, wrong

# Bytes to read, of which a disk gives the most within some seconds; past it, names alone are compared.
BUDGET = 1 << 29
AGAIN = "dvc add data (this is a new version), or dvc checkout data.dvc (back to the other)"


def look(root: Path, budget: int = BUDGET) -> Check:
    """Whether data/ holds the files that data.dvc names, and they their bytes."""
    from pipelines.registry.lineage import data_version

    data, pointer = root / "data", root / "data.dvc"
    there = data.is_dir() and any(data.iterdir())
    if not pointer.exists():
        return warning(f"no data.dvc{' yet, though data/ is there' * there}", "make data, or make retrain DATA=FOLDER")
    try:
        version = data_version(pointer)
    except Exception as error:  # whatever is wrong with a file that a merge may have torn
        return wrong(f"data.dvc cannot be read: {type(error).__name__}", "git checkout data.dvc")
    if not there:
        return warning("data/ is empty, and data.dvc names a version", "make data, or dvc pull data.dvc")
    files = dvc_store.listing(dvc_store.cache(root), version)
    if files is None:
        return warning(f"version {version[:6]} is not in DVC's cache, so data/ cannot be compared", AGAIN)
    return _compare(data, files, budget)


def _compare(data: Path, files: dict[str, str], budget: int) -> Check:
    patterns = _ignored(data.parent / ".dvcignore")
    below = [path.relative_to(data) for path in data.rglob("*") if path.is_file()]
    found = {
        path.as_posix() for path in below if not any(fnmatch(part, one) for part in path.parts for one in patterns)
    }
    for names, what in ((files.keys() - found, "missing"), (found - files.keys(), "not in data.dvc")):
        if names:
            return wrong(f"{are(len(names), 'file')} {what}: {some(sorted(names))}", AGAIN)
    changed, num_read = dvc_store.differing(((data / name, files[name]) for name in sorted(files)), budget)
    if changed:
        names_ = some([path.relative_to(data).as_posix() for path in changed])
        return wrong(f"{are(len(changed), 'file')} not as in data.dvc: {names_}", AGAIN)
    return ok(f"{len(files)} files as in data.dvc{_how_far(num_read, len(files))}")


def _ignored(file: Path) -> list[str]:
    """The names and endings that DVC passes over."""
    return file.read_text(encoding="utf-8").split() if file.is_file() else []


def _how_far(num_read: int, count: int) -> str:
    return "" if num_read == count else f"; the bytes of {num_read} were read"
