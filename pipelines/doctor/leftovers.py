"""What killed commands left: locks that still count, and Ray's processes."""

from __future__ import annotations

import json
from pathlib import Path

import psutil

from pipelines.doctor.check import Check, ok, some, warning
from pipelines.runtime import neighbours
from pipelines.runtime.environment import short_ray_folder

# Processes of Ray itself; workers call themselves "ray::" and what they do.
RAY = ("raylet", "gcs_server", "ray::")
RAY_MODULES = ("/ray/dashboard/", "/ray/_private/")
SESSION = ("--session-dir=", "--session_dir=")


def locks(root: Path) -> Check:
    """Who holds a lock of this checkout. An empty lock file is none: the system forgets those that died."""
    dead = _dead_of_dvc(root / ".dvc" / "tmp" / "rwlock")
    if dead is None:
        return warning(".dvc/tmp/rwlock is damaged", "rm .dvc/tmp/rwlock")
    if dead:
        return warning(f"DVC's .dvc/tmp/rwlock names processes that are gone: {some(dead)}", "rm .dvc/tmp/rwlock")
    files = sorted([*root.glob("runs/*.lock"), *root.glob(".state/*.lock"), *root.glob(".dvc/tmp/*lock")])
    held = {path: neighbours.holding(path) for path in files if path.is_file()}
    orphans = [
        (path, pid) for path, pids in held.items() for pid in pids if _is_ray(pid) and not _has_driver(pid, root)
    ]
    if orphans:
        path, pid = orphans[0]
        return warning(f"{path.relative_to(root)} is held by process {pid}, whose driver is gone", f"kill {pid}")
    said = [f"{path.relative_to(root)} by process {pids[0]}" for path, pids in held.items() if pids]
    return ok(f"held: {some(said)}, which runs" if said else "none is held")


def _dead_of_dvc(path: Path) -> list[str] | None:
    """The processes in DVC's list of readers and writers that are gone; None where the list is damaged."""
    if not path.exists():
        return []
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        readers = [reader for readers in book.get("read", {}).values() for reader in readers]
        known = {int(one["pid"]): str(one["cmd"]) for one in [*readers, *book.get("write", {}).values()] if one}
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return None
    return [f"{pid} ({command})" for pid, command in known.items() if not psutil.pid_exists(pid)]


def processes(root: Path) -> Check:
    """Whether a Ray of this checkout goes on without the command that started it."""
    orphans = [pid for pid in neighbours.pids() if _is_ray(pid) and _works_in(pid, root) and not _has_driver(pid, root)]
    if not orphans:
        return ok("no Ray goes on without its driver")
    verb = "goes" if len(orphans) == 1 else "go"
    return warning(
        f"{len(orphans)} of Ray {verb} on without a driver: {some(list(map(str, orphans)))}",
        f"kill {' '.join(map(str, orphans))}",
    )


def _is_ray(pid: int) -> bool:
    words = neighbours.command(pid)
    if not words:
        return False
    return words[0].startswith("ray::") or Path(words[0]).name in RAY or any(m in w for w in words for m in RAY_MODULES)


def _works_in(pid: int, root: Path) -> bool:
    folder = neighbours.folder(pid)
    return folder is not None and folder.is_relative_to(root)


def _has_driver(pid: int, root: Path) -> bool:
    """Whether a process of Ray is below one that works in this checkout and is not Ray's, or in a Ray that is not ours."""
    chain = [pid]
    while chain[-1] > 1:
        chain.append(neighbours.parent(chain[-1]))
    if any(_is_ray(one) and _of_another_ray(neighbours.command(one), root) for one in chain):
        return True
    return any(not _is_ray(one) and _works_in(one, root) for one in chain)


def _of_another_ray(words: list[str], root: Path) -> bool:
    """Whether a Ray keeps its session elsewhere than ours do: somebody started it by `ray start`, to go on."""
    sessions = [Path(word.partition("=")[2]) for word in words if word.startswith(SESSION)]
    ours = (root / ".state" / "ray", short_ray_folder())
    return bool(sessions) and not any(session.is_relative_to(folder) for session in sessions for folder in ours)
