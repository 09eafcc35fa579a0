"""DVC's cache: whether its files are those that they are called."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.doctor import dvc_store
from pipelines.doctor.check import Check, are, ok, some, wrong
from pipelines.doctor.data import BUDGET

NAME = re.compile(r"[0-9a-f]{30}(\.dir)?")


def look(root: Path, budget: int = BUDGET) -> Check:
    """Reads files until the budget is used, in the order of their hashes, which is any order."""
    folder = dvc_store.cache(root)
    if not folder.is_dir():
        return ok("nothing is in it yet")
    # What a copy that was broken off left behind is called otherwise.
    files = [path for path in sorted(folder.glob("[0-9a-f][0-9a-f]/*")) if NAME.fullmatch(path.name)]
    damaged, num_read = dvc_store.differing(((path, path.parent.name + path.name) for path in files), budget)
    if damaged:
        names = [path.relative_to(folder).as_posix() for path in damaged]
        place = folder.relative_to(root) if folder.is_relative_to(root) else folder
        return wrong(
            f"{are(len(damaged), 'file')} damaged, of {num_read} that were read: {some(names)}",
            f"rm -f {place}/{names[0]}{' and the others' * (len(names) > 1)}; then dvc fetch, or make retrain, which makes "
            "them again",
        )
    return ok(f"{len(files)} files" + ("" if num_read == len(files) else f"; of {num_read} the bytes were read"))
