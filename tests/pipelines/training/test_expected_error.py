"""Expected errors: a known truth is found again, whatever comes in gives a falling curve, and what is not known is said."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.metrics import PROTOCOLS, calibration
from components.model import LandmarkModel
from components.schemes import IBUG68
from pipelines.training import expected_error
from pipelines.training.expected_error import (
    FEWEST_FACES,
    falling_curve,
    fit_expected_error,
    measure_errors,
    with_expected_error,
)

Faces = dict[str, np.ndarray]
PROTOCOL = PROTOCOLS["inter_ocular"]


def truth(confidence: np.ndarray) -> np.ndarray:
    return 9 - 8 * np.sqrt(confidence)


def test_a_known_falling_truth_is_found_again() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0, 1, (4000, 3)).astype(np.float32)
    error = truth(confidence) * rng.gamma(2, 0.5, confidence.shape)  # a mean of 1, a deviation of 0.7
    known = fit_expected_error(confidence, error, "inter_ocular")
    assert known is not None
    places = np.linspace(0.02, 0.98, 49)
    for landmark in range(3):
        found = known.at(np.repeat(places[:, None], 3, axis=1))[:, landmark]
        np.testing.assert_allclose(found, truth(places), rtol=0.1)


def test_faces_that_go_astray_as_a_whole_are_told_from_those_that_do_not() -> None:
    """Landmarks of a face share much of their error, and each one's confidence says a little of it."""
    rng = np.random.default_rng(0)
    together = rng.normal(0, 1, (4000, 1))
    confidence = 1 / (1 + np.exp(together + rng.normal(0, 1, (4000, 12)))).astype(np.float32)
    error = 3 * np.exp(0.4 * together) * rng.gamma(2, 0.5, confidence.shape)
    known = fit_expected_error(confidence, error, "inter_ocular")
    assert known is not None
    assert known.power > 0.5
    bins = calibration(known.at(confidence).mean(axis=1), error.mean(axis=1), 10)
    np.testing.assert_allclose([each.expected for each in bins], [each.observed for each in bins], rtol=0.1)
    by_landmarks = calibration(replace(known, power=0.0).at(confidence).mean(axis=1), error.mean(axis=1), 10)
    assert by_landmarks[-1].expected < 0.9 * by_landmarks[-1].observed


def test_landmarks_that_err_more_at_the_same_confidence_are_told_from_those_that_are_less_sure() -> None:
    """The second landmark is found with less confidence, and errs three times as much as that explains."""
    rng = np.random.default_rng(0)
    confidence = rng.uniform([0.3, 0.0], [1.0, 0.7], (4000, 2)).astype(np.float32)
    error = truth(confidence) * [1.0, 3.0] * rng.gamma(2, 0.5, confidence.shape)
    known = fit_expected_error(confidence, error, "inter_ocular")
    assert known is not None
    assert pytest.approx(3.0, rel=0.1) == known.factor[1] / known.factor[0]
    middle = np.array([[0.4, 0.4], [0.6, 0.6]])
    np.testing.assert_allclose(known.at(middle), truth(middle) * [1.0, 3.0], rtol=0.1)


@given(
    confidence=arrays(np.float32, (FEWEST_FACES, 3), elements=st.floats(0, 1, width=32)),
    error=arrays(np.float64, (FEWEST_FACES, 3), elements=st.floats(0.001, 100) | st.just(0.0) | st.just(np.nan)),
)
def test_whatever_comes_in_the_curve_never_rises_and_the_mean_comes_out_right(
    confidence: np.ndarray, error: np.ndarray
) -> None:
    error[:, 0] = np.nan_to_num(error[:, 0])  # so that each face has a landmark
    known = fit_expected_error(confidence, error, "inter_ocular")  # refuses a curve that rises
    assert known is not None
    assert 1 <= len(known.confidence) <= 32
    labelled = ~np.isnan(error)
    np.testing.assert_allclose(known.at(confidence)[labelled].mean(), error[labelled].mean(), rtol=1e-5)


def test_steps_become_knots_at_the_mean_confidence_of_their_landmarks() -> None:
    confidence, error = np.array([0.0, 0.25, 0.5, 1.0]), np.array([4.0, 1.0, 2.0, 0.5])
    knots, heights = falling_curve(confidence, error, np.ones(4))
    # By hand: 1 and 2 would rise, and become 1.5 at the middle of 0.25 and 0.5.
    assert ([0.0, 0.375, 1.0], [4.0, 1.5, 0.5]) == (knots.tolist(), heights.tolist())


def test_equal_confidences_are_one_knot() -> None:
    knots, heights = falling_curve(np.full(1000, 0.5), np.arange(1000.0), np.ones(1000))
    assert ([0.5], [499.5]) == (knots.tolist(), heights.tolist())


def test_too_few_faces_say_nothing() -> None:
    confidence, error = np.full((FEWEST_FACES, 3), 0.5), np.ones((FEWEST_FACES, 3))
    assert fit_expected_error(confidence, error, "inter_ocular") is not None
    error[0] = np.nan  # a face without landmarks is none
    assert fit_expected_error(confidence, error, "inter_ocular") is None
    assert fit_expected_error(np.zeros((0, 3)), np.zeros((0, 3)), "inter_ocular") is None


# After a training.


@pytest.fixture
def faces() -> Faces:
    """24 faces, each of them noise; no two eye corners coincide."""
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(8, 56, (24, 68, 2)).astype(np.float32)
    return {"pixels": rng.integers(0, 256, (24, 3, 64, 64)).astype(np.uint8), "landmarks": landmarks}


def test_errors_are_in_per_cent_of_the_normaliser_and_without_faces_that_have_none(
    model: LandmarkModel, faces: Faces
) -> None:
    right, left = IBUG68.inter_ocular
    faces["landmarks"][3, right] = np.nan  # no inter-ocular distance
    faces["landmarks"][5, 30] = np.nan
    parts = [
        {name: values[part] for name, values in faces.items()} for part in (slice(3, 4), slice(0, 3), slice(4, 24))
    ]
    confidence, error = measure_errors(model, parts, PROTOCOL)
    assert (23, 68) == confidence.shape == error.shape
    assert [[4, 30]] == np.argwhere(np.isnan(error)).tolist()
    marks = faces["landmarks"][7].astype(np.float64)
    answer = model.predict_crops(faces["pixels"][7:8].transpose(0, 2, 3, 1))
    distance = np.hypot(*(marks[right] - marks[left]))
    np.testing.assert_allclose(error[6, 8], 100 * np.hypot(*(answer.landmarks[0, 8] - marks[8])) / distance, rtol=1e-3)
    np.testing.assert_allclose(confidence[6], answer.confidence[0], atol=1e-4)


def test_the_model_knows_afterwards_and_is_the_same_network(
    model: LandmarkModel, faces: Faces, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    knowing = fit(model, faces, monkeypatch)
    confidence, error = measure_errors(model, [faces], PROTOCOL)
    assert fit_expected_error(confidence, error, "inter_ocular") == knowing.config.expected_error
    found = knowing.predict_crops(faces["pixels"].transpose(0, 2, 3, 1))
    np.testing.assert_allclose(found.expected_error.mean(), error.mean(), rtol=1e-5)
    assert all(value.equal(model.weights()[name]) for name, value in knowing.weights().items())
    said = capsys.readouterr().out
    assert said.startswith("train: expected errors are fitted on 24 validation faces: from ")
    assert said.endswith("% for the worst\n")


def test_with_too_few_faces_it_does_not_know_and_says_so(
    model: LandmarkModel, faces: Faces, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    knowing = fit(model, {name: values[:19] for name, values in faces.items()}, monkeypatch)
    assert knowing.config.expected_error is None
    assert (
        "train: the model does not know what errors to expect: 19 validation faces are too few to tell, 20 are enough\n"
        == capsys.readouterr().out
    )


def fit(model: LandmarkModel, faces: Faces, monkeypatch: pytest.MonkeyPatch) -> LandmarkModel:
    monkeypatch.setattr(expected_error, "spread_batches", lambda *_: iter([faces]))
    params: Any = SimpleNamespace(
        train=SimpleNamespace(use_gpu=False), evaluate=SimpleNamespace(protocol="inter_ocular")
    )
    nothing: Any = None
    return with_expected_error(model, nothing, params)
