"""The rate of `predict --ray` against one process: by its command, on a few faces."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from pipelines.serving.boxes import read_boxes
from pipelines.serving.inputs import gather
from studies.many import NUM_DRAWN, Rates, at_work, draw, row

RATES = r"([\d.]+) \(\1 to \1\) \| ([\d.]+)"  # of one turn: the median is the least and the most


@pytest.mark.slow
def test_it_says_both_ways_rates_and_how_they_compare(small, untrained):
    # Enough for several batches of one process; on the disk there are 8 pictures.
    said = small.run(
        "python", "-m", "studies.many", str(untrained), "--faces", "300", "--side", "64", "--turns", "1"
    ).stdout
    assert said.startswith("300 faces on pictures of 64 px, ")
    alone = re.search(rf"(?m)^\| one process \| {RATES} \| ", said)
    ray = re.search(rf"(?m)^\| `--ray` \| {RATES} \| ", said)
    assert alone is not None, said
    assert ray is not None, said
    assert "1.00" == alone[2]
    assert float(ray[2]) == pytest.approx(float(ray[1]) / float(alone[1]), abs=0.1)


def test_pictures_and_boxes_are_as_many_as_faces_are_asked_for(tmp_path: Path):
    boxes = draw(tmp_path / "faces", NUM_DRAWN + 3, 64)
    pictures = gather([tmp_path / "faces"])
    found = read_boxes(boxes, pictures)
    assert [f"faces/{number:06d}.jpg" for number in range(NUM_DRAWN + 3)] == [picture.name for picture in pictures]
    assert {picture.name: 1 for picture in pictures} == {name: len(of_one) for name, of_one in found.items()}
    assert found["faces/000002.jpg"].tolist() == found[f"faces/{NUM_DRAWN + 2:06d}.jpg"].tolist()
    assert found["faces/000002.jpg"].tolist() != found["faces/000001.jpg"].tolist()


def test_the_rate_at_work_begins_with_the_first_that_are_done():
    # By hand: 33 lines, the first of which says how it began, then 64 more in 4 s.
    assert 16.0 == at_work([(10.0, 33), (12.0, 65), (14.0, 97)])
    assert math.isnan(at_work([(10.0, 33)]))
    assert math.isnan(at_work([]))


def test_a_row_has_medians_and_ratios():
    alone, spread = [Rates(10.0, 20.0), Rates(12.0, 30.0), Rates(11.0, 25.0)], [Rates(5.5, 50.0)]
    assert "| ray | 5.5 (5.5 to 5.5) | 0.50 | 50.0 (50.0 to 50.0) | 2.00 |" == row("ray", spread, alone)


def test_what_the_command_refuses_is_told(small):
    failed = small.run("python", "-m", "studies.many", "away", "--faces", "1", check=False)
    assert 1 == failed.returncode
    assert failed.stderr.startswith("many: the command ended with 1, saying: ")
    assert "away holds no model" in failed.stderr
