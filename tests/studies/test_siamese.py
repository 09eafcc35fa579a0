"""What the Siamese term costs, by its command, on two faces."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from studies.siamese import main

TINY = Path(__file__).parents[1] / "tiny.yaml"

WORDS = ("python", "-m", "studies.siamese", "--recipe", "recipes/smallest.yaml", "--faces", "2", "--rounds", "1")


def test_it_says_what_each_way_costs_on_the_recipes_own_crops(small):
    lines = small.run(*WORDS, "--crops", "crops", "--heatmap", "mse").stdout.splitlines()
    assert "recipes/smallest.yaml, mse, 2 faces a step, median of 1" == lines[0]
    costs = [
        re.fullmatch(r"(.+?) +batch +[\d.]+ ms/face, step +[\d.]+ ms/face, ([\d.]+) x", line) for line in lines[1:]
    ]
    assert ["one view", "two views", "Siamese"] == [cost[1] for cost in costs if cost]
    assert "1.00" == costs[0][2]


def test_wrong_input_is_refused_before_any_work():
    with pytest.raises(ValueError, match=r"recipe 'tiny', changed for this study: .*unknown heatmap loss 'nope'"):
        main(TINY, crops=None, heatmap="nope", faces=1, rounds=1)
