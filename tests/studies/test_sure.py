"""The study of how sure a model is: its command on 25 drawn validation faces and four test faces."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from components.model import LandmarkModel
from pipelines.params import load_params
from studies import sure
from studies.inputs.crops import draw_shard

PERCENT = r"(\d+\.\d\d)%"


@pytest.fixture(scope="module")
def model(small) -> Path:
    """Beside `surely`, a folder of crops of 25 validation faces and four test faces."""
    params = load_params(small.root / "recipes/smallest.yaml")
    torch.manual_seed(0)
    folder = small.root / "unsure"
    folder.mkdir()
    LandmarkModel(params.model()).save(folder)
    (small.root / "surely/synthetic").mkdir(parents=True)
    for split, first, number in (("val", 0, 25), ("test", 25, 4)):
        draw_shard(small.root / f"surely/synthetic/{split}-00000-of-00001.parquet", params, number, first=first)
    return folder


def test_it_holds_what_is_expected_against_what_comes_out(small, model):
    words = ("python", "-m", "studies.sure", "unsure", "--crops", "surely", "--recipe", "recipes/smallest.yaml")
    first, *lines = small.run(*words).stdout.splitlines()
    assert re.fullmatch(r"Fitted on 25 validation faces: \d+ knots, power \d\.\d\d\. Of the test faces:", first)
    tables = "\n".join(lines)
    halves = [
        re.search(rf"\| {name}, 2 \| {PERCENT} \| {PERCENT} \|", tables)
        for name in ("the surer half", "the other half")
    ]
    (sure_expected, sure_error), (other_expected, other_error) = (map(float, half.groups()) for half in halves)
    assert sure_expected <= other_expected
    (everything,) = re.findall(rf"\| all, 4 \| {PERCENT} \| {PERCENT} \|", tables)
    means = (sure_expected + other_expected) / 2, (sure_error + other_error) / 2
    assert pytest.approx(means, abs=0.011) == tuple(map(float, everything))
    assert re.search(r"\(Spearman\): -?\d\.\d\d$", tables, re.MULTILINE)
    # Ten bins of 4 * 98 landmarks; a bin for each face; the parts of the face.
    assert 10 == len(re.findall(r"^\| (?:39|40) \|", tables, re.MULTILINE))
    assert 4 == len(re.findall(r"^\| 1 \|", tables, re.MULTILINE))
    assert {"jaw", "brows", "nose", "eyes", "lips"} == set(
        re.findall(r"^\| (jaw|brows|nose|eyes|lips) \|", tables, re.MULTILINE)
    )
    # Of 4 * 98 landmarks, visible and hidden ones apart, and together what all of them are.
    kinds = re.findall(rf"^\| (?:visible|hidden) \| (\d+) \| {PERCENT} \| {PERCENT} \|", tables, re.MULTILINE)
    counts, errors, expected = np.array(kinds, float).T
    assert (2, 4 * 98) == (len(counts), counts.sum())
    assert counts[0] > counts[1] > 0
    assert pytest.approx([counts @ expected / counts.sum(), counts @ errors / counts.sum()], abs=0.011) == [
        float(everything[0]),
        float(everything[1]),
    ]
    assert re.search(rf"^By 20 of the validation faces, drawn 40 times, {PERCENT} is expected", tables, re.MULTILINE)


def test_too_few_validation_faces_are_refused(small, model):
    with pytest.raises(ValueError, match=r"crops has 2 validation faces that can be measured: 25 are enough"):
        sure.main(model, small.root / "crops", small.root / "recipes/smallest.yaml")


def test_a_fit_of_one_curve_is_the_same_for_all_landmarks_and_one_by_one_has_the_mean_of_what_it_was_fitted_on():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0, 1, (30, 3)).astype(np.float32)
    error = (4 - 3 * confidence) * [1, 2, 3] * rng.gamma(2, 0.5, (30, 3))
    assert (1.0, 1.0, 1.0) == sure.one_curve(confidence, error).factor
    one_by_one = sure.one_by_one(confidence, error)
    assert 0.0 == one_by_one.power
    assert pytest.approx(error.mean()) == one_by_one.at(confidence).mean()


def test_hidden_landmarks_are_looked_at_apart_and_those_without_a_position_or_a_flag_are_left_out():
    visible = np.array([[1.0, 1.0, 0.0], [np.nan, 0.0, 0.0]])
    error = np.array([[1.0, 3.0, 8.0], [100.0, 4.0, np.nan]])
    # By hand: visible (1 + 3) / 2, hidden (8 + 4) / 2, of two each; twice that is expected, and three times that.
    lines = list(sure.hidden_lines(visible, error, 2 * error, 3 * error))
    assert ["| visible | 2 | 2.00% | 4.00% | 6.00% |", "| hidden | 2 | 6.00% | 12.00% | 18.00% |"] == lines[-2:]
    assert [] == list(sure.hidden_lines(np.ones((2, 3)), error, error))
