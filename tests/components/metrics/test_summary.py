"""Everything that a protocol says of a set of faces."""

from __future__ import annotations

import json

import numpy as np
import pytest

from components.metrics import PROTOCOLS, bootstrap_interval, share_interval, summarise
from components.schemes import Scheme

PROTOCOL = PROTOCOLS["inter_ocular"]
# Three faces of three landmarks: px over an eye distance of 100 px for the first two, 10 px for the last.
ERRORS = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0], [3.0, 3.0, 3.0]]) / np.array([[100.0], [100.0], [10.0]])
SUBSETS = [("common",), ("common", "smile"), ()]


@pytest.fixture
def summary(three: Scheme) -> dict:
    return summarise(ERRORS, SUBSETS, three, PROTOCOL)


def test_nme_failure_rate_and_auc_are_over_all_faces(summary: dict) -> None:
    # By hand: 0.02, 0.04 and 0.30; one of three above 0.10; (0.8 + 0.6 + 0) / 3.
    assert 3 == summary["num_faces"]
    assert 0.12 == pytest.approx(summary["nme"])
    assert 1 / 3 == pytest.approx(summary["failure_rate"])
    assert 1.4 / 3 == pytest.approx(summary["auc"])


def test_each_subset_has_the_same_figures_of_its_own_faces(summary: dict) -> None:
    assert ["common", "smile"] == list(summary["subsets"])
    common, smile = summary["subsets"]["common"], summary["subsets"]["smile"]
    # By hand: 0.02 and 0.04; 0.04 alone.
    assert (2, 1) == (common["num_faces"], smile["num_faces"])
    assert (0.03, 0.04) == (pytest.approx(common["nme"]), pytest.approx(smile["nme"]))
    assert (0.0, 0.0) == (common["failure_rate"], smile["failure_rate"])
    assert (0.7, 0.6) == (pytest.approx(common["auc"]), pytest.approx(smile["auc"]))
    assert [smile["nme"]] * 2 == smile["nme_interval"]
    # By hand: none of two, z^2 / (2 + z^2) with z = 1.95996.
    assert [0.0, pytest.approx(0.657620, abs=1e-6)] == common["failure_rate_interval"]


def test_each_landmark_has_its_own_mean(summary: dict) -> None:
    # By hand: (0.01 + 0.03 + 0.3) / 3, (0.02 + 0.04 + 0.3) / 3, (0.03 + 0.05 + 0.3) / 3.
    assert ["right", "left", "nose"] == list(summary["landmarks"])
    np.testing.assert_allclose(list(summary["landmarks"].values()), [0.34 / 3, 0.36 / 3, 0.38 / 3])


def test_it_says_under_which_protocol_and_scheme(summary: dict) -> None:
    assert PROTOCOL.to_dict() == summary["protocol"]
    assert "three" == summary["scheme"]


def test_the_intervals_are_the_bootstraps_of_the_faces_and_wilsons_of_the_share_that_failed(summary: dict) -> None:
    assert list(bootstrap_interval(np.array([0.02, 0.04, 0.3]))) == pytest.approx(summary["nme_interval"])
    assert list(share_interval(np.array([False, False, True]))) == summary["failure_rate_interval"]
    assert list(bootstrap_interval(np.array([0.8, 0.6, 0.0]))) == pytest.approx(summary["auc_interval"])
    for name in ("nme", "failure_rate", "auc"):
        low, high = summary[f"{name}_interval"]
        assert low <= summary[name] <= high


def test_it_is_json(summary: dict) -> None:
    assert summary == json.loads(json.dumps(summary))


def test_faces_without_subsets_are_summed_up_too(three: Scheme) -> None:
    assert {} == summarise(ERRORS, [()] * 3, three, PROTOCOL)["subsets"]


def test_no_faces_are_refused(three: Scheme) -> None:
    with pytest.raises(ValueError, match="no faces to measure"):
        summarise(np.zeros((0, 3)), [], three, PROTOCOL)


def test_missing_landmarks_are_left_out_of_faces_and_of_landmarks(three: Scheme) -> None:
    errors = ERRORS.copy()
    errors[0, 2], errors[:, 1] = np.nan, np.nan
    summary = summarise(errors, SUBSETS, three, PROTOCOL)
    # By hand: 0.01; (0.03 + 0.05) / 2; 0.3. Of the nose (0.05 + 0.3) / 2; the left eye is labelled nowhere.
    assert 0.35 / 3 == pytest.approx(summary["nme"])
    assert {"right": pytest.approx(0.34 / 3), "left": None, "nose": pytest.approx(0.175)} == summary["landmarks"]
    assert summary == json.loads(json.dumps(summary))


def test_a_face_that_was_predicted_nowhere_is_not_summed_up(three: Scheme) -> None:
    errors = ERRORS.copy()
    errors[1, 2] = np.inf
    with pytest.raises(ValueError, match=r"^1 of 3 faces are not predicted \(NaN\); the first is row 1$"):
        summarise(errors, SUBSETS, three, PROTOCOL)


def test_intervals_can_be_left_out(three: Scheme) -> None:
    summary = summarise(ERRORS, SUBSETS, three, PROTOCOL, intervals=("nme",))
    assert ["nme_interval"] == [name for name in summary if name.endswith("_interval")]
