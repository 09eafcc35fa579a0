"""Python's version."""

from __future__ import annotations

import sys

from pipelines.doctor.check import Check, ok, wrong

WANTED = (3, 11)


def look(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Whether it is the one that the lock was made for."""
    seen, wanted = (".".join(map(str, numbers)) for numbers in (version, WANTED))
    if version[:2] == WANTED:
        return ok(seen)
    return wrong(f"{seen}, and the lock is for {wanted}", f"rm -rf .venv; make shell PYTHON=python{wanted}")
