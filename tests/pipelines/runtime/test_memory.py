"""How much memory there is, in a container and outside, and that free memory is given back."""

from __future__ import annotations

import ctypes
from pathlib import Path

import psutil

from pipelines.runtime.memory import give_back, machine_bytes


def test_a_container_may_use_what_its_limit_leaves(tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("1048576\n")
    assert 1048576 == machine_bytes((tmp_path / "limit",))


def test_no_limit_leaves_what_is_built_in(tmp_path: Path) -> None:
    (tmp_path / "max").write_text("max\n")
    built_in = machine_bytes(())
    assert built_in == machine_bytes((tmp_path / "max", tmp_path / "missing"))
    told = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert told == built_in


def test_free_memory_goes_back_even_where_it_lies_between_what_is_in_use() -> None:
    library, resident = ctypes.CDLL(None), psutil.Process().memory_info
    library.malloc.restype, library.malloc.argtypes, library.free.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_size_t],
        [ctypes.c_void_p],
    )
    blocks = [library.malloc(65_536) for _ in range(2_000)]  # 131 MB, in blocks that are no mapping of their own
    for block in blocks:
        ctypes.memset(block, 1, 65_536)
    for number, block in enumerate(blocks):
        if number % 20:
            library.free(block)
    before = resident().rss
    give_back()
    # 19 of 20 blocks are free: 124 MB.
    assert before - resident().rss > 100e6
    for block in blocks[::20]:
        library.free(block)
