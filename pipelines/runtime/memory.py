"""How much memory this machine has, or this container may use, and giving back what is free."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

# What a container may use, by the two forms of Linux's control groups.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_bytes(limits: tuple[Path, ...] = LIMITS) -> int:
    """The smaller of what is built in and what a container's limit leaves."""
    built_in = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    said = [path.read_text(encoding="ascii").strip() for path in limits if path.is_file()]
    return min([built_in, *(int(text) for text in said if text.isdigit())])  # "max" is no limit


def give_back() -> None:
    """Gives the system all pages that this process has and that hold nothing, also those between others; only glibc keeps such."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
