"""Checkpoints: whole, written beside the training, and the best weights once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from pipelines.training.checkpoints import STATE, Beside, copied, read_best, read_state, write_checkpoint


def state(step: int, best: int) -> dict:
    return {"model": {"w": torch.full((2,), float(step))}, "best": {"val_nme": 0.5, "step": best}, "step": step}


def weights(step: int) -> dict[str, torch.Tensor]:
    return {"w": torch.full((2,), float(step))}


def test_the_best_weights_are_written_when_they_are_found_and_not_again(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, state(10, best=10), weights(10))
    written = (tmp_path / "best_00000010.pt").stat().st_mtime_ns
    write_checkpoint(tmp_path, state(20, best=10), None)
    assert {STATE, "best_00000010.pt"} == {path.name for path in tmp_path.iterdir()}
    assert written == (tmp_path / "best_00000010.pt").stat().st_mtime_ns
    last = read_state(tmp_path)
    assert 20 == last["step"]
    assert torch.equal(weights(10)["w"], read_best(tmp_path, last)["w"])


def test_better_weights_take_the_place_of_the_best(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, state(10, best=10), weights(10))
    write_checkpoint(tmp_path, state(20, best=20), weights(20))
    assert {STATE, "best_00000020.pt"} == {path.name for path in tmp_path.iterdir()}
    assert torch.equal(weights(20)["w"], read_best(tmp_path, read_state(tmp_path))["w"])


def test_a_crash_between_the_best_weights_and_their_state_loses_neither(tmp_path: Path, monkeypatch) -> None:
    write_checkpoint(tmp_path, state(10, best=10), weights(10))
    save = torch.save

    def crash(value: object, path: Path) -> None:
        if path.name == f".{STATE}.partial":
            raise KeyboardInterrupt
        save(value, path)

    monkeypatch.setattr(torch, "save", crash)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(tmp_path, state(20, best=20), weights(20))
    last = read_state(tmp_path)
    assert 10 == last["step"]
    assert torch.equal(weights(10)["w"], read_best(tmp_path, last)["w"])


def test_a_copy_stays_as_it_was_while_the_training_goes_on() -> None:
    live = {"w": torch.zeros(2), "history": [{"step": 1}], "none": None, "groups": [{"lr": 0.1, "t": torch.ones(1)}]}
    copy = copied(live)
    live["w"].add_(1)
    live["history"].append({"step": 2})
    live["groups"][0]["t"].zero_()
    assert torch.equal(torch.zeros(2), copy["w"])
    assert [{"step": 1}] == copy["history"]
    assert 1.0 == copy["groups"][0]["t"].item()
    assert copy["none"] is None


def test_a_copy_keeps_the_memory_layout_that_sums_depend_on() -> None:
    filters = torch.randn(4, 3, 3, 3).contiguous(memory_format=torch.channels_last)
    assert filters.stride() == copied(filters).stride()


def test_one_thing_is_done_at_a_time_and_waited_for() -> None:
    beside, gate, done = Beside(), threading.Event(), []
    beside.do(lambda: (gate.wait(), done.append("first")))
    assert [] == done
    gate.set()
    beside.do(lambda: done.append("second"))
    assert "first" == done[0]
    beside.wait()
    assert ["first", "second"] == done


def test_what_failed_beside_is_raised_by_the_next_call() -> None:
    def fail() -> None:
        raise ValueError("no space left")

    beside = Beside()
    beside.do(fail)
    with pytest.raises(ValueError, match="no space left"):
        beside.do(lambda: None)
    with pytest.raises(ValueError, match="no space left"):
        beside.wait()
