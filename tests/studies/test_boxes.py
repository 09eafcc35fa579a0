"""The study of boxes that do not fit: its command on two faces, and what it changes about a box."""

from __future__ import annotations

import re

import numpy as np
import pytest

from components.metrics import PROTOCOLS, nme
from components.model import LandmarkModel
from pipelines.params import load_params
from pipelines.runtime.tables import from_column
from pipelines.scoring.predict import Predictor
from studies import boxes
from studies.inputs.crops import read_crops
from studies.trainings.one import predict_each

PERCENT = r"(-?\d+\.\d\d)%"


def test_it_shows_the_error_of_each_box_for_each_number_of_looks(small, untrained):
    words = ("untrained", "--crops", "crops", "--recipe", "recipes/smallest.yaml", "--figure", "boxes.png")
    lines = small.run("python", "-m", "studies.boxes", *words).stdout.splitlines()
    assert "| box moved by | larger by | 1 look | 2 looks | 3 looks | second look minus first (95%) |" == lines[0]
    assert [f"| {shift:.0%} | {scale:g} " for shift, scale in boxes.BOXES] == [
        re.match(r"\| \d+% \| [\d.]+ ", line)[0] for line in lines[2:]
    ]
    for line in lines[2:]:
        once, twice, _, gain = map(float, re.findall(PERCENT, line)[:4])
        assert pytest.approx(twice - once, abs=0.011) == gain
    assert b"\x89PNG" == (small.root / "boxes.png").read_bytes()[:4]


def test_a_box_that_fits_gives_what_an_evaluation_gives(small, untrained):
    """The evaluation cuts from the same stored crops by another way: affines composed, no picture in between."""
    params = load_params(small.root / "recipes/smallest.yaml")
    table = predict_each(Predictor(str(untrained)), read_crops(small.root / "crops", "test", params))
    predicted, truth = (from_column(table, name, 98, 2).astype(np.float64) for name in ("predicted", "landmarks"))
    expected = 100 * nme(predicted, truth, PROTOCOLS["inter_ocular"].normalise(truth, params.model().scheme))
    faces = boxes.Faces.of(small.root / "crops", params)
    found = boxes.errors(boxes.Model(LandmarkModel.load(untrained)), faces, faces.boxes, 1, params)
    np.testing.assert_allclose(expected, found, rtol=1e-3)


def test_boxes_are_moved_by_a_share_of_their_longer_side_and_grow_around_their_centre():
    before = np.array([[10.0, 20, 30, 60], [0, 0, 8, 4]])
    after = boxes.changed(before, 0.25, 1.5)
    # By hand: sides 20 x 40 and 8 x 4, moved by 10 and by 2 in some direction.
    np.testing.assert_allclose([[30, 60], [12, 6]], after[:, 2:] - after[:, :2])
    moved = (after[:, 2:] + after[:, :2] - before[:, 2:] - before[:, :2]) / 2
    np.testing.assert_allclose([10, 2], np.linalg.norm(moved, axis=1))
    assert np.array_equal(before, boxes.changed(before, 0, 1))
