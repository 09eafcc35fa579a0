"""What the study of videos measures, on paths whose jitter, lag and error are known, and that it runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from components.codecs import Subpixel
from components.model import LandmarkModel, ModelConfig
from components.networks import UNet
from components.schemes import SCHEMES
from studies.video.__main__ import main
from studies.video.measures import as_calm, error, exponential, jitter, lag, one_euro
from studies.video.paths import Paths

SCHEME = SCHEMES["ibug68"]
FRAMES = 80
REST = np.random.default_rng(0).normal(0, 20, (68, 2))
REST[36], REST[45] = (-50.0, 0.0), (50.0, 0.0)  # the outer eye corners: 100 px apart
STILL = np.repeat(REST[None], FRAMES, axis=0)
# To and fro by 60 px in two seconds, each landmark alike.
MOVING = STILL + 60 * np.sin(np.pi * np.arange(FRAMES) / 25)[:, None, None]


def save_untrained(scheme: str, folder: Path, box: str = "landmarks") -> None:
    codec = Subpixel(crop=64, stride=4, sigma=1.5, window=5, temperature=10.0)
    LandmarkModel(ModelConfig(SCHEMES[scheme], codec, UNet(width=4), "mse", 1.25, box)).save(folder)


def test_jitter_is_the_mean_movement_in_distances_between_the_eyes():
    trembling = STILL + np.array([3.0, 4.0]) * (np.arange(FRAMES) % 2)[:, None, None]  # 5 px to and fro
    assert 0.05 == pytest.approx(jitter(trembling, STILL, SCHEME))
    assert 0.0 == jitter(STILL, STILL, SCHEME)


@pytest.mark.parametrize("late", [0, 1, 3])
def test_lag_is_the_number_of_frames_by_which_a_path_is_late_wherever_it_lies(late: int):
    found = np.concatenate([MOVING[:1]] * late + [MOVING[: FRAMES - late]]) + np.array([7.0, -3.0])
    assert late == pytest.approx(lag(found, MOVING), abs=0.026)  # the shifts that are tried lie 0.05 frames apart


def test_an_exponential_path_lags_as_the_formula_says():
    # Of a ramp, s = w x + (1 - w) s lies (1 - w) / w frames behind; of a slow sine nearly so.
    assert 1.0 == pytest.approx(lag(exponential(MOVING, 0.5), MOVING), abs=0.05)


def test_error_is_the_mean_distance_from_the_truth_in_distances_between_the_eyes():
    assert 0.05 == pytest.approx(error(STILL + np.array([3.0, 4.0]), STILL, SCHEME))


def test_lost_frames_count_for_nothing_and_filters_begin_anew_after_them():
    found = MOVING.copy()
    found[40:45] = np.nan
    assert 0.0 == error(found, MOVING, SCHEME)
    for smoothed in (one_euro(found), exponential(found, 0.5)):
        assert np.isnan(smoothed[40:45]).all()
        np.testing.assert_array_equal(found[45], smoothed[45])
    assert 0.0 == pytest.approx(lag(found, MOVING), abs=0.026)


def test_the_exponential_weight_is_the_one_of_equal_jitter():
    noise = STILL + np.random.default_rng(1).normal(0, 1, STILL.shape)
    sure = np.ones((FRAMES, 2))
    seeds = [(Paths(STILL, {"true": noise}, sure), Paths(MOVING, {"true": MOVING}, sure))]
    target = jitter(exponential(noise, 0.3), STILL, SCHEME)
    assert 0.3 == pytest.approx(as_calm(seeds, "true", target, SCHEME), abs=1e-6)


@pytest.mark.slow
def test_it_prints_three_smoothings_for_both_kinds_of_boxes(tmp_path: Path, capsys: pytest.CaptureFixture):
    save_untrained("ibug68", tmp_path)
    main(str(tmp_path), seeds=1, num_frames=35, size=64, workers=1)
    said = capsys.readouterr().out
    assert "1 persons, seeds 2000 to 2000, 35 frames of 64 px each" in said
    assert "Of its own median, a moving face's confidence is " in said
    number = r"-?\d+\.\d+%?"
    rows = re.findall(rf"^\| (\w+) \| ([\w-]+).*? \| {number} \| {number} \| {number} \|$", said, re.M)
    assert [(boxes, how) for boxes in ("true", "tracked") for how in ("none", "one-euro", "exponential")] == rows


def test_a_model_of_another_scheme_or_of_other_boxes_is_refused(tmp_path: Path):
    save_untrained("ibug68", tmp_path, "annotated")
    with pytest.raises(ValueError, match="its boxes are as its dataset's annotators drew them"):
        main(str(tmp_path))
    save_untrained("cofw29", tmp_path)
    with pytest.raises(ValueError, match="its scheme is cofw29; drawn are ibug68, wflw98"):
        main(str(tmp_path))
