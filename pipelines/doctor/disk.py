"""Room on the disk that the checkout lies on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pipelines.doctor.check import Check, ok, warning, wrong

GIB = 1 << 30
# A demo takes a few hundred MB; Ray stops working below 5% of a disk, whichever is more.
LEAST, GOOD = GIB, 10 * GIB
MEND = "du -sh .dvc/cache .state artifacts runs; free some"


def look(root: Path, least: int = LEAST, good: int = GOOD) -> Check:
    """How much is free, and whether anything can be written at all."""
    if os.statvfs(root).f_flag & os.ST_RDONLY or not os.access(root, os.W_OK):
        return wrong("the checkout cannot be written", "work in a copy that can be")
    usage = shutil.disk_usage(root)
    seen = f"{usage.free / GIB:.1f} GiB free of {usage.total / GIB:.0f}"
    if usage.free < least:
        return wrong(seen, MEND)
    return warning(seen, MEND) if usage.free < good else ok(seen)
