"""The installed packages against the lock."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from pipelines.doctor.check import Check, ok, some, warning, wrong

MEND = "make -B .venv/.done"


def look(root: Path) -> Check:
    """A missing package stops something; another version may change a result, and a key in any case."""
    from pipelines.registry.packages import locked

    versions = locked(root)
    found = {name: _version(name) for name in versions}
    missing = [name for name, version in found.items() if version is None]
    if missing:
        return wrong(f"{len(missing)} of {len(versions)} in the lock missing: {some(missing)}", MEND)
    other = [
        f"{name} {found[name]} for {version}"
        for name, version in versions.items()
        if not _same(str(found[name]), version)
    ]
    if other:
        return warning(f"{len(other)} of {len(versions)} in other versions than the lock's: {some(other)}", MEND)
    return ok(f"{len(versions)}, as in the lock")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _same(installed: str, locked: str) -> bool:
    """Builds of one version for other devices, as 2.13.0+cpu, are the same."""
    return installed == locked or installed.partition("+")[0] == locked
