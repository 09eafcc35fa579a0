"""How much memory there is, in a container and outside."""

from __future__ import annotations

from pathlib import Path

from pipelines.runtime.memory import machine_bytes


def test_a_container_may_use_what_its_limit_leaves(tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("1048576\n")
    assert 1048576 == machine_bytes((tmp_path / "limit",))


def test_no_limit_leaves_what_is_built_in(tmp_path: Path) -> None:
    (tmp_path / "max").write_text("max\n")
    built_in = machine_bytes(())
    assert built_in == machine_bytes((tmp_path / "max", tmp_path / "missing"))
    told = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert told == built_in
