"""The study of the annotators' offset: its command on two faces of each split, annotated as drawn and to one side."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pipelines.params import load_params
from pipelines.training.validation import validation_batches
from studies import offset
from studies.inputs.crops import read_crops

NUMBER = r"(-?\d+\.\d\d)"


def test_it_says_how_far_right_landmarks_lie_and_what_that_is_worth(small, untrained):
    words = ("python", "-m", "studies.offset", "untrained", "--crops", "crops", "--recipe", "recipes/smallest.yaml")
    lines = small.run(*words).stdout.splitlines()
    assert offset.HEADER == lines[0]
    interval = rf"{NUMBER} \({NUMBER} to {NUMBER}\)"
    percents = rf"{NUMBER}% \({NUMBER}% to {NUMBER}%\)"
    for line, split in zip(lines[2:], ("val", "test"), strict=True):
        row = re.fullmatch(
            rf"\| untrained \| {split}, 2 \| {interval} \| {interval} \| {NUMBER}% \| {NUMBER}% \| {percents} \|", line
        )
        found, low, high = map(float, row.groups()[:3])
        assert low <= found <= high
        before, after, difference = (float(row[number]) for number in (7, 8, 9))
        assert pytest.approx(after - before, abs=0.011) == difference


def test_what_annotators_did_lies_on_the_other_side_in_the_mirror(small, untrained):
    """Landmarks moved by 3 px move what is found by 3 px on plain faces, and by as much to the left on mirrored ones."""
    params = load_params(small.root / "recipes/smallest.yaml")
    faces = list(validation_batches(params, read_crops(small.root / "crops", "val", params), 0, 1))
    aside = [{**batch, "landmarks": batch["landmarks"] + np.float32([3, 0])} for batch in faces]
    before, after = (found(offset.rows(untrained, {"val": batches}, params)[0]) for batches in (faces, aside))
    assert pytest.approx([before[0] + 3, before[1] - 3], abs=0.011) == after


def found(line: str) -> list[float]:
    """Of a line: how far right, and how far right in the mirror."""
    return [float(cell.split()[0]) for cell in line.split(" | ")[2:4]]
