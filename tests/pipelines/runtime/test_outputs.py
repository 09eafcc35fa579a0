"""Outputs appear whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipelines.runtime.outputs import alone, in_turn, whole_file, whole_folder


def fail(whole: AbstractContextManager[Path], write: Callable[[Path], object]) -> None:
    """Writes, and fails inside the block."""
    with whole as partial:
        write(partial)
        raise RuntimeError


def test_a_folder_appears_when_its_block_ends_well(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "a" / "out") as partial:
        (partial / "x").write_text("1")
        assert not (tmp_path / "a" / "out").exists()
    assert ["x"] == [path.name for path in (tmp_path / "a" / "out").iterdir()]
    assert ["out"] == [path.name for path in (tmp_path / "a").iterdir()]


def test_a_folder_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("1")
    with whole_folder(tmp_path / "out") as partial:
        (partial / "new").write_text("2")
        assert ["old"] == [path.name for path in (tmp_path / "out").iterdir()]
    assert ["new"] == [path.name for path in (tmp_path / "out").iterdir()]


def test_a_block_that_fails_leaves_the_folder_before_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("1")
    with pytest.raises(RuntimeError):
        fail(whole_folder(tmp_path / "out"), lambda partial: (partial / "new").write_text("2"))
    assert ["old"] == [path.name for path in (tmp_path / "out").iterdir()]
    assert ["out"] == [path.name for path in tmp_path.iterdir()]


def test_what_a_killed_run_left_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "half").write_text("1")
    with whole_folder(tmp_path / "out") as partial:
        assert [] == list(partial.iterdir())
    assert [] == list((tmp_path / "out").iterdir())


def test_a_file_appears_when_its_block_ends_well(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a" / "out.json") as partial:
        partial.write_text("1")
        assert not (tmp_path / "a" / "out.json").exists()
    assert "1" == (tmp_path / "a" / "out.json").read_text()
    assert ["out.json"] == [path.name for path in (tmp_path / "a").iterdir()]


def test_a_block_that_fails_leaves_the_file_before_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("old")
    with pytest.raises(RuntimeError):
        fail(whole_file(tmp_path / "out.json"), lambda partial: partial.write_text("half"))
    assert "old" == (tmp_path / "out.json").read_text()
    assert ["out.json"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, whole) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match=r"^cannot write .*file/out: "), whole(tmp_path / "file" / "out"):
        pass


def test_a_folder_is_no_place_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"it is a folder$"), whole_file(tmp_path):
        pytest.fail("the work began")


def test_of_two_that_want_to_be_alone_the_second_is_told(tmp_path: Path) -> None:
    told = rf"^busy \(process {os.getpid()}, since \d+-\d+-\d+ \d+:\d+ \(.*python"
    with alone(tmp_path / "lock", "busy"), pytest.raises(ValueError, match=told), alone(tmp_path / "lock", "busy"):
        pass


def test_of_two_that_go_in_turn_the_second_waits(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with in_turn(tmp_path / "lock"):
            order.append("second")

    other = threading.Thread(target=second)
    with in_turn(tmp_path / "lock"):
        other.start()
        other.join(0.3)  # it would be through by now
        order.append("first")
    other.join()
    assert ["first", "second"] == order
