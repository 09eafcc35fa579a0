"""A full disk is said in one sentence, whichever library fell over it, and too little room before anything begins."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest
import torch

from pipelines.params import load_params
from pipelines.room import bytes_of_retraining
from pipelines.runtime import disk
from pipelines.runtime.environment import ROOT
from pipelines.training.checkpoints import STATE, read_state, write_checkpoint
from tests.pipelines.conftest import fill

SENTENCE = "free some (`du -sh .dvc/cache .state artifacts runs`), and give the same command again: it goes on where this one ended"


@pytest.fixture
def full_disk(tmp_path, small_disk):
    with small_disk(tmp_path / "full", "2m"):
        yield tmp_path / "full"


def test_the_disk_that_is_full_is_named_with_the_way_out(full_disk, monkeypatch):
    assert "" == disk.full("what a healthy disk's command says")
    monkeypatch.setattr(disk, "places", lambda: [ROOT, full_disk])
    fill(full_disk)
    assert f"the disk of {full_disk} is full, with 0 MB free: {SENTENCE}" == disk.full("its owner has died")


def test_what_libraries_say_of_a_full_disk_is_known(full_disk):
    store = sqlite3.connect(full_disk / "store.db", isolation_level=None)
    store.execute("CREATE TABLE rows (row TEXT)")
    fill(full_disk)
    errors = []
    for write in (
        lambda: store.execute("INSERT INTO rows VALUES (?)", ("x" * 100_000,)),
        lambda: (full_disk / "text").write_text("x" * 100_000),
        lambda: write_checkpoint(full_disk, {"best": {"step": 1}, "w": torch.zeros(100_000)}, None),
    ):
        with pytest.raises((OSError, sqlite3.Error)) as raised:
            write()
        errors.append(raised.value)
    store.close()
    wrapped = RuntimeError("of some library")
    wrapped.__cause__ = errors[0]
    for error in [*errors, wrapped]:
        assert f"a disk is full: {SENTENCE}" == disk.full_by(error)


def test_a_checkpoint_that_finds_no_room_leaves_the_one_before_as_it_was(full_disk):
    write_checkpoint(full_disk, {"best": {"step": 1}, "step": 1}, {"w": torch.zeros(10)})
    filler = fill(full_disk)
    with pytest.raises(OSError, match="No space left on device"):
        write_checkpoint(full_disk, {"best": {"step": 2}, "step": 2}, {"w": torch.zeros(100_000)})
    assert 1 == read_state(full_disk)["step"]
    filler.unlink()
    write_checkpoint(full_disk, {"best": {"step": 2}, "step": 2}, {"w": torch.zeros(100_000)})
    assert 2 == read_state(full_disk)["step"]
    assert not [path for path in full_disk.iterdir() if path.name.startswith(f".{STATE}")]


def test_a_command_ends_in_the_sentence_whatever_the_error_was(full_disk):
    script = (
        "from pathlib import Path\nfrom pipelines.runtime import command, disk\n"
        f"disk.places = lambda: [Path({str(full_disk)!r})]\n"
        "def main() -> None:\n    raise RuntimeError('its owner has died')\n"
        "command.run(main)"
    )
    (full_disk.parent / "stage.py").write_text(script)
    words = [sys.executable, "-m", "stage"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=full_disk.parent, env=environment, capture_output=True, text=True, check=False)
    assert (1, f"stage: the disk of {full_disk} is full, with 2 MB free: {SENTENCE}\n") == (
        done.returncode,
        done.stderr,
    )


def test_too_little_room_is_refused_with_both_numbers(full_disk):
    disk.require(10**6, "a retraining", full_disk)
    with pytest.raises(
        ValueError, match=rf"^the disk of {full_disk} has 2 MB free, and a retraining takes about 300 MB: free"
    ):
        disk.require(300 * 10**6 - 1, "a retraining", full_disk)


def test_the_room_of_a_retraining_counts_what_is_brought_and_the_copies_that_dvc_keeps(tmp_path):
    params = load_params(ROOT / "tests/tiny.yaml")
    (tmp_path / "synthetic").mkdir()
    nothing = bytes_of_retraining(params, tmp_path, {})
    brought = tmp_path / "elsewhere"
    brought.mkdir()
    for number in range(10):
        (brought / f"{number}.jpg").write_bytes(bytes(1000))
    crops = 2 * 10 * 0.45 * params.preprocess.stored**2
    assert nothing + int(crops) + 2 * 10_000 == bytes_of_retraining(params, tmp_path, {"synthetic": brought})
