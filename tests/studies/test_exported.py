"""The study of exported models: its command on two faces, and that it sees a difference where there is one."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pipelines.params import load_params
from pipelines.training.validation import validation_batches
from studies import exported
from studies.inputs.crops import read_crops


def test_it_says_how_far_apart_the_landmarks_lie_in_both_precisions(small, untrained):
    words = ("untrained", "--crops", "crops", "--recipe", "recipes/smallest.yaml")
    _, _, single, half = small.run("python", "-m", "studies.exported", *words).stdout.splitlines()
    number = r"\d+(?:\.\d+)?(?:e-?\d+)?"
    for line, name, limit in ((single, "single", "0.01"), (half, "half", "0.5")):
        # Two faces of 98 landmarks.
        row = rf"\| {name} \| 196 \| {number} \| {number} \| {number}% by over {limit} px \| {number}% \| {number}% \|"
        assert re.fullmatch(row, line), line
    # Untrained maps are nearly level: of a few landmarks rounding decides which cell is the peak.
    assert float(re.search(r"([\d.]+)% by over", single)[1]) < 1


def test_errors_are_those_of_the_landmarks_by_the_recipes_protocol(small, untrained):
    params = load_params(small.root / "recipes/smallest.yaml")
    faces = list(validation_batches(params, read_crops(small.root / "crops", "test", params), 0, 1))
    truth = np.concatenate([batch["landmarks"] for batch in faces])
    assert exported.mean_error(truth, faces, params) == 0
    # By hand: every landmark 3 px off, over the distance of the outer eye corners, 60 and 72 in WFLW's order.
    eyes = np.linalg.norm(truth[:, 60] - truth[:, 72], axis=1)
    expected = float((300 / eyes).mean())
    assert pytest.approx(expected, rel=1e-4) == exported.mean_error(truth + np.float32([0, 3]), faces, params)
