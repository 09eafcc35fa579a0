"""What the size of a split costs, by its command, on a few faces."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from pipelines.runtime.environment import ROOT
from pipelines.training.crops import Shards
from studies.scale import SHARD, Sizes, cost, simulate


@pytest.mark.parametrize("faces", [1, SHARD, 2 * SHARD + 1])
def test_so_many_faces_are_simulated_as_are_asked_for(tmp_path, faces):
    simulate(tmp_path, Sizes(faces, batch=4, steps=2, crop=8))
    assert faces == Shards.of(tmp_path, "train").num_rows


def test_steps_are_timed_from_the_first_and_over_an_epochs_end(tmp_path, monkeypatch):
    sizes, steps = Sizes(100, batch=10, steps=4, crop=8), []
    simulate(tmp_path, sizes)
    make = type(sizes.maker(Shards.of(tmp_path, "train"))).make
    monkeypatch.setattr(
        "pipelines.training.batches.BatchMaker.make",
        lambda self, step, crops: (steps.append(step), make(self, step, crops))[1],
    )
    found = cost(tmp_path, "streamed", sizes)
    # By hand: 10 steps an epoch, two before its end and two after it.
    assert [0, 1, 2, 3, 8, 9, 10, 11] == steps
    assert 0 < found.step_s <= found.worst_s


def test_it_says_a_row_for_each_size_and_way():
    words = ["-m", "studies.scale", "--faces", "40", "--faces", "600", "--steps", "2", "--batch", "8"]
    said = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"│ +([\d,]+) +│ (held|streamed) +│", said)
    assert [("40", "held"), ("40", "streamed"), ("600", "held"), ("600", "streamed")] == rows
