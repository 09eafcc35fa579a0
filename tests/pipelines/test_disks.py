"""Disks that flip a byte, of a checkpoint, a shard, a file of DVC's cache, or get full: it is said, and the same command goes on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.pipelines.conftest import MODEL, STAGE, TRAIN, fill

pytestmark = pytest.mark.faults

SENTENCE = " free: free some (`du -sh .dvc/cache .state artifacts runs`), and give the same command again: it goes on where this one ended\n"


def flip(path: Path, share: float = 0.5) -> None:
    """Changes one bit in the file, and leaves its times as they were, as a disk does."""
    times, content = path.stat(), bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def kill_at(project, evaluation: int) -> None:
    """Starts the training, and kills it when it has said so many evaluations."""
    said = []
    with subprocess.Popen(
        TRAIN, cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            said.append(line)
            if sum(earlier.startswith("train: epoch") for earlier in said) == evaluation:
                process.kill()
    assert -signal.SIGKILL == process.returncode, "".join(said)


def test_a_damaged_checkpoint_is_named_and_the_training_goes_on_from_the_one_before_to_the_same_weights(trainable):
    trainable.run(*TRAIN)
    undisturbed = (trainable.root / MODEL).read_bytes()
    shutil.rmtree(trainable.root / "runs")
    shutil.rmtree(trainable.root / "artifacts/tiny/model")
    kill_at(trainable, 5)
    (state,) = trainable.root.glob("runs/*/state.pt")
    flip(state)
    again = trainable.run(*TRAIN).stdout
    found = re.search(
        rf"(?m)^train: {state} is damaged: .*; it goes on from the checkpoint before, at step (\d+)$", again
    )
    assert found, again
    assert f"train: resumed from the checkpoint at step {found[1]}\n" in again
    assert undisturbed == (trainable.root / MODEL).read_bytes()


def test_a_damaged_shard_ends_the_training_with_its_name_and_what_brings_it_back(trainable):
    shard = trainable.root / "artifacts/tiny/crops/synthetic/train-00001-of-00002.parquet"
    flip(shard)
    done = trainable.run(*TRAIN, check=False)
    assert 1 == done.returncode
    assert 1 == len(done.stderr.splitlines()), done.stderr
    assert done.stderr.startswith(f"train: {shard}: ")
    assert done.stderr.endswith(f"; `rm {shard}`, and the next retraining brings it back or makes it again\n")


def test_what_dvc_s_damaged_cache_gives_back_is_found_and_made_again(trainable):
    trainable.edit("params.yaml", ("epochs: 120", "epochs: 6"))
    trainable.run("dvc", "repro", "--single-item", "code")
    trainable.run(*STAGE)
    model = (trainable.root / MODEL).read_bytes()
    (cached,) = [path for path in trainable.root.glob(".dvc/cache/files/md5/*/*") if path.read_bytes() == model]
    flip(cached)
    shutil.rmtree(trainable.root / "artifacts/tiny/model")
    said = trainable.run(*STAGE).stdout
    assert "Stage 'train' is cached - skipping run, checking out outputs" in said
    name = cached.relative_to(trainable.root)
    assert f"train: DVC's cache is damaged, and made again: not of the MD5 that it is called by is {name}\n" in said
    assert model == (trainable.root / MODEL).read_bytes() == cached.read_bytes()
    # And a cache that is whole is used.
    shutil.rmtree(trainable.root / "artifacts/tiny/model")
    said = trainable.run(*STAGE).stdout
    assert "made again" not in said
    assert model == (trainable.root / MODEL).read_bytes()


def fill_at(project, evaluation: int, folder: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Trains, and fills the disk of a folder when so many evaluations are said."""
    said, filler = [], None
    with subprocess.Popen(
        TRAIN, cwd=project.root, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            said.append(line)
            if sum(earlier.startswith("train: epoch") for earlier in said) == evaluation and filler is None:
                filler = fill(folder)
        wrong = process.stderr.read()
    assert filler, wrong
    return subprocess.CompletedProcess(TRAIN, process.returncode, "".join(said), wrong), filler


def test_a_disk_that_gets_full_in_a_training_is_said_and_the_same_command_goes_on_to_the_same_weights(
    trainable, small_disk
):
    trainable.run(*TRAIN)
    undisturbed = (trainable.root / MODEL).read_bytes()
    shutil.rmtree(trainable.root / "runs")
    shutil.rmtree(trainable.root / "artifacts/tiny/model")
    with small_disk(trainable.root / "runs", "64m"):
        done, filler = fill_at(trainable, 3, trainable.root / "runs")
        assert 1 == done.returncode
        assert f"train: the disk of {trainable.root}/runs is full, with 0 MB{SENTENCE}" == done.stderr
        filler.unlink()
        again = trainable.run(*TRAIN).stdout
        assert "train: resumed from the checkpoint at step " in again
        assert undisturbed == (trainable.root / MODEL).read_bytes()


def test_a_training_that_ended_on_a_full_disk_is_not_made_again(trainable, small_disk):
    made = trainable.root / "artifacts"
    shutil.move(made / "tiny/crops", trainable.root / "crops")
    with small_disk(made, "64m"):
        shutil.move(trainable.root / "crops", made / "tiny/crops")
        done, filler = fill_at(trainable, 11, made)
        assert 1 == done.returncode
        assert 12 == done.stdout.count("train: epoch")
        assert f"train: the disk of {trainable.root}/artifacts is full, with 0 MB{SENTENCE}" == done.stderr
        assert not (made / "tiny/model").exists()
        filler.unlink()
        again = trainable.run(*TRAIN).stdout
        assert "train: epoch" not in again
        assert "train: best validation NME" in again
        assert (trainable.root / MODEL).is_file()


def test_a_result_that_dvc_has_no_room_for_is_said_and_not_made_again(trainable, small_disk):
    trainable.edit("params.yaml", ("epochs: 120", "epochs: 6"))
    trainable.run("dvc", "repro", "--single-item", "code")
    cache = trainable.root / ".dvc/cache"
    before = trainable.root / "before"
    shutil.move(cache, before)
    with small_disk(cache, "64m"):
        shutil.copytree(before, cache, dirs_exist_ok=True)
        filler = fill(cache)
        done = trainable.run(*STAGE, check=False)
        assert 1 == done.returncode
        assert done.stderr.endswith(f"ValueError: the disk of {trainable.root}/.dvc/cache is full, with 0 MB{SENTENCE}")
        assert 12 == done.stdout.count("train: epoch")
        filler.unlink()
        again = trainable.run(*STAGE).stdout
        assert "train: epoch" not in again
        assert "train: best validation NME" in again
