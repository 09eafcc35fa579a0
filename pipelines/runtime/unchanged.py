"""Files of parameters that a command has read: DVC reads them once more when it has ended, to record what its result is of.

Who changes `params.yaml` meanwhile, by a retraining, an experiment or an editor, would have a result recorded under parameters
that it was not made by, and given back for them ever after.
"""

from __future__ import annotations

from pathlib import Path

_READ: dict[Path, bytes] = {}


def note(path: Path, content: bytes) -> None:
    """Remembers what a file held when it was first read."""
    _READ.setdefault(path.resolve(), content)


def check_unchanged(path: Path) -> None:
    """Whether a file still holds what was read of it; one that was never read does.

    Raises:
        ValueError: It holds something else, or is gone.
    """
    read = _READ.get(path.resolve())
    if read is not None and (not path.is_file() or path.read_bytes() != read):
        raise ValueError(
            f"{path} has changed since this stage read it, and its result would be recorded under what it says now; nothing is "
            "recorded: run it again"
        )
