"""Which packages of the lock stand behind what our modules import."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = "requirements.lock"


def locked(root: Path) -> dict[str, str]:
    """Package -> exact version, by the lock."""
    lines = (root / LOCK).read_text(encoding="utf-8").split()
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def imported_packages(imported: Iterable[str], root: Path) -> dict[str, str]:
    """The packages of the lock that hold these top-level names; Python's own modules are in none."""
    versions = locked(root)
    found = {canonicalize_name(package) for name in imported for package in _holders().get(name, [])}
    return {package: versions[package] for package in sorted(found & versions.keys())}


def needed_packages(imported: Iterable[str], root: Path) -> dict[str, str]:
    """The same with all that they require, on this kind of machine and with the extras that we ask for."""
    versions, extras = locked(root), asked_extras(root)
    todo = [(package, extras.get(package, frozenset())) for package in imported_packages(imported, root)]
    seen = set()
    while todo:
        package, wanted = todo.pop()
        if package in versions and (package, wanted) not in seen:
            seen.add((package, wanted))
            todo += required(package, wanted)
    return {package: versions[package] for package in sorted({package for package, _ in seen})}


def required(package: str, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    """What an installed package requires with these extras: names, each with the extras that it is required with."""
    found: list[tuple[str, frozenset[str]]] = []
    for line in metadata.requires(package) or []:
        wanted = Requirement(line)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            found.append((canonicalize_name(wanted.name), frozenset(wanted.extras)))
    return found


def asked_extras(root: Path) -> dict[str, frozenset[str]]:
    """Package -> the extras that `pyproject.toml` asks of it."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [Requirement(line) for line in project["dependencies"]]
    return {canonicalize_name(one.name): frozenset(one.extras) for one in asked}


@cache  # it reads the records of all that is installed
def _holders() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
