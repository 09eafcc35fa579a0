"""Where the registry says that its artifacts lie."""

from __future__ import annotations

from pipelines.doctor.check import Check, are, ok, some, wrong
from pipelines.registry import moved


def look() -> Check:
    """Whether that is in this checkout still."""
    database = moved.own_store()
    if database is None:
        return ok("not kept by this checkout")
    try:
        found = moved.strays(database)
    except ValueError:
        return ok("not known: the store cannot be read, as said above")
    if found:
        return wrong(
            f"{are(len(found), 'place')} noted in {some(moved.former(found))}: this folder was moved", moved.COMMAND
        )
    return ok("all artifacts are noted in this checkout")
