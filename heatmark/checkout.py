"""Whose code runs: that of the checkout one works in, whichever is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
# Names the checkout whose code this process was started for; a process that is not what it was started for goes no further.
STARTED_FOR = "HEATMARK_STARTED_FOR"


def settle(named: Path | None) -> None:
    """Finds the checkout, and goes on in it with its defaults; where its code is not this one, it is started instead.

    Args:
        named: By `--root`; None to look from the working directory upwards.

    Raises:
        ValueError: What was named is no checkout, or its code cannot be started from here.
    """
    if named is not None:
        os.environ["HEATMARK_ROOT"] = str(named.resolve())
    from pipelines.runtime import environment  # finds its root when it is imported

    root = environment.CHECKOUT
    if root is None and environment.ROOT_VARIABLE in os.environ:
        place = os.environ[environment.ROOT_VARIABLE]
        raise ValueError(f"{place} is no checkout of Heatmark: a folder with its dvc.yaml and pyproject.toml")
    if root is not None and root != HERE:
        _start_code_of(root)
    environment.set_defaults()


def _start_code_of(root: Path) -> None:
    """Replaces this process by the same command, run by another checkout's code.

    Raises:
        ValueError: It has no such command, or this process is that code already and still came from elsewhere.
    """
    if not (root / "heatmark" / "__main__.py").is_file() or os.environ.get(STARTED_FOR) == str(root):
        raise ValueError(f"{root} is not the checkout that is installed here ({HERE}), and its code cannot be started")
    paths = [str(root), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    changes = {STARTED_FOR: str(root), "PYTHONPATH": os.pathsep.join(paths)}
    # -P: not the working directory first, which may be any folder below the root.
    os.execve(sys.executable, [sys.executable, "-P", "-m", "heatmark", *sys.argv[1:]], {**os.environ, **changes})
