"""The memory of this machine, or of a container on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.runtime.memory import machine_bytes


def meminfo() -> int:
    """Independent: what the kernel itself says, bytes."""
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return int(line.split()[1]) * 1024


def test_without_a_limit_it_is_the_machines() -> None:
    assert meminfo() == machine_bytes(limits=())


@pytest.mark.parametrize(
    ("limit", "expected"), [("1000000\n", 1000000), ("max\n", None), (f"{1 << 62}\n", None)], ids=["low", "max", "high"]
)
def test_a_containers_limit_counts_where_it_is_lower(tmp_path: Path, limit: str, expected: int | None) -> None:
    path = tmp_path / "memory.max"
    path.write_text(limit)
    assert (expected or meminfo()) == machine_bytes(limits=(path, tmp_path / "away"))
