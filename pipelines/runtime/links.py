"""Links in a folder of data: they are not followed, so they are not passed over in silence either."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from components.text import printable

NUM_SHOWN = 3


def links(folder: Path) -> list[Path]:
    """Every link below a folder, sorted; none is entered."""
    tops = os.walk(folder)
    paths = (Path(top) / name for top, folders, files in tops for name in (*folders, *files))
    return sorted(path for path in paths if path.is_symlink())


def linked_folders(folder: Path) -> list[Path]:
    """Those of them that lead to a folder."""
    return [link for link in links(folder) if link.is_dir()]


def way_out(found: Sequence[Path]) -> str:
    """What to type to have the real files in place of links, for the first of them."""
    commands = [_command(link) for link in found[:NUM_SHOWN]]
    more = f"; and {len(found) - NUM_SHOWN} more" if len(found) > NUM_SHOWN else ""
    return printable("; ".join(commands) + more)


def _command(link: Path) -> str:
    place, target = shlex.quote(str(link)), Path(os.path.realpath(link))
    if not target.exists():
        return f"`rm {place}`, which leads nowhere"
    return f"`rm {place} && cp -rL {shlex.quote(str(target))} {place}`"
