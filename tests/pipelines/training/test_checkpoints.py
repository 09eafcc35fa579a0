"""Checkpoints: whole, written beside the training, and the best weights once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from ray.train import Checkpoint

from pipelines.training.checkpoints import (
    BEFORE,
    STATE,
    Beside,
    copied,
    last_whole,
    read_best,
    read_state,
    write_checkpoint,
)
from pipelines.training.ray_workers import checkpoint_name, last_whole_of


def state(step: int, best: int) -> dict:
    return {"model": {"w": torch.full((2,), float(step))}, "best": {"val_nme": 0.5, "step": best}, "step": step}


def weights(step: int) -> dict[str, torch.Tensor]:
    return {"w": torch.full((2,), float(step))}


def test_the_best_weights_are_written_when_they_are_found_and_not_again(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, state(10, best=10), weights(10))
    written = (tmp_path / "best_00000010.pt").stat().st_mtime_ns
    write_checkpoint(tmp_path, state(20, best=10), None)
    assert {STATE, BEFORE, "best_00000010.pt"} == {path.name for path in tmp_path.iterdir()}
    assert written == (tmp_path / "best_00000010.pt").stat().st_mtime_ns
    last = read_state(tmp_path)
    assert 20 == last["step"]
    assert torch.equal(weights(10)["w"], read_best(tmp_path, last)["w"])


def test_better_weights_take_the_place_of_the_best(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, state(10, best=10), weights(10))
    write_checkpoint(tmp_path, state(20, best=20), weights(20))
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


def test_the_state_before_the_last_and_its_best_weights_stay_and_no_others(tmp_path: Path) -> None:
    for step in (10, 20, 30, 40):
        write_checkpoint(tmp_path, state(step, best=step), weights(step))
    assert {STATE, BEFORE, "best_00000030.pt", "best_00000040.pt"} == {path.name for path in tmp_path.iterdir()}


def flip(path: Path, at: int) -> None:
    """Changes one bit of a byte."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", [STATE, "best_00000020.pt"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 0.999])
def test_a_flipped_byte_is_found_named_and_the_state_before_is_used(tmp_path: Path, name: str, share: float) -> None:
    write_checkpoint(tmp_path, state(10, best=10), weights(10))
    write_checkpoint(tmp_path, state(20, best=20), weights(20))
    flip(tmp_path / name, int(share * (tmp_path / name).stat().st_size))
    found, wrong = last_whole(tmp_path)
    assert 10 == found["step"]
    assert torch.equal(weights(10)["w"], read_best(tmp_path, found)["w"])
    (line,) = wrong
    assert line.startswith(f"{tmp_path}/{name} is damaged: its SHA-256 is ")


def test_a_checkpoint_that_was_cut_short_is_damaged(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, state(10, best=10), weights(10))
    (tmp_path / STATE).write_bytes((tmp_path / STATE).read_bytes()[:20])
    found, (line,) = last_whole(tmp_path)
    assert found is None
    assert f"{STATE} is damaged" in line


def test_of_ray_s_checkpoints_the_last_one_is_used_that_is_whole_with_its_best_weights(tmp_path: Path) -> None:
    kept = [Checkpoint(str(tmp_path / checkpoint_name(step))) for step in (10, 20, 30)]
    for checkpoint, step, best in zip(kept, (10, 20, 30), (10, 20, 20), strict=True):
        Path(checkpoint.path).mkdir()
        write_checkpoint(Path(checkpoint.path), state(step, best=best), weights(step) if step == best else None)
    assert (30, []) == (last_whole_of(kept[2])[0]["step"], last_whole_of(kept[2])[1])
    flip(tmp_path / "step_00000030" / STATE, 100)
    found, (line,) = last_whole_of(kept[2])
    assert 20 == found["step"]
    assert line.startswith(f"{tmp_path}/step_00000030/{STATE} is damaged")
    flip(tmp_path / "step_00000020/best_00000020.pt", 100)
    found, wrong = last_whole_of(kept[2])
    assert 10 == found["step"]
    assert 2 == len(wrong)


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
