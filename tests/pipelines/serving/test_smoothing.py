"""The one-euro filter: against numbers by hand, and what it must not depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipelines.serving.smoothing import OneEuro, face_size

FPS = 25.0
PATH = np.random.default_rng(0).normal(0, 1, (12, 5, 2)) + np.arange(5)[:, None] * 10 + np.arange(12)[:, None, None]


def smoothed(path: np.ndarray, **parameters: float) -> np.ndarray:
    smooth = OneEuro(FPS, **{"min_cutoff_hz": 1.0, "beta": 0.5, **parameters})
    return np.stack([smooth(landmarks) for landmarks in path])


def test_two_steps_are_those_that_the_papers_formulas_give_by_hand():
    # Two landmarks 2 px apart: each lies 1 px from their middle, so the size is 2 * 1 = 2 px.
    first = np.array([[0.0, 0.0], [2.0, 0.0]])
    second = first + np.array([3.0, 4.0])
    # fps = 2 pi: weight(f) = 1 / (1 + 1 / f), so 1/2 at 1 Hz. Velocity 1/2 * (3, 4) * 2 pi, its length 5 pi px/s, or 2.5 pi
    # faces/s; cut-off 1 + 2 / pi * 2.5 pi = 6 Hz; weight 6/7.
    smooth = OneEuro(2 * math.pi, min_cutoff_hz=1.0, beta=2 / math.pi)
    np.testing.assert_array_equal(first, smooth(first))
    np.testing.assert_allclose(smooth(second), first + 6 / 7 * np.array([3.0, 4.0]), rtol=1e-12)
    # The same place again: 1/7 of (3, 4) is left; velocity 1/2 * (3, 4) / 7 * 2 pi + 1/2 * (3, 4) * pi = (3, 4) * (1/7 + 1/2) * pi,
    # its length 45/14 pi px/s, 45/28 pi faces/s; cut-off 1 + 45/14 = 59/14 Hz; weight 59/73.
    np.testing.assert_allclose(smooth(second), second - (1 - 59 / 73) / 7 * np.array([3.0, 4.0]), rtol=1e-12)


def test_landmarks_that_stay_are_unchanged():
    path = np.repeat(PATH[:1], 6, axis=0)
    np.testing.assert_array_equal(path, smoothed(path))


def test_without_growth_it_is_the_plain_low_pass_of_its_cutoff():
    weight = 1 / (1 + FPS / (2 * math.pi * 3.0))
    expected = PATH.copy()
    for i in range(1, len(PATH)):
        expected[i] = weight * PATH[i] + (1 - weight) * expected[i - 1]
    np.testing.assert_allclose(smoothed(PATH, min_cutoff_hz=3.0, beta=0.0), expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [0.25, 7.0])
def test_an_enlarged_turned_and_moved_face_is_smoothed_alike(scale: float):
    turn = np.array([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]]) * scale
    moved = PATH @ turn.T + [300.0, -20.0]
    np.testing.assert_allclose(smoothed(moved), smoothed(PATH) @ turn.T + [300.0, -20.0], rtol=1e-9)


def test_noise_at_rest_shrinks_and_a_fast_face_lags_less_than_by_the_plain_low_pass():
    noise = np.random.default_rng(1).normal(0, 0.05, (50, 5, 2)) + PATH[0]
    assert np.abs(np.diff(smoothed(noise), axis=0)).mean() < 0.5 * np.abs(np.diff(noise, axis=0)).mean()
    fast = PATH[0] + np.arange(30)[:, None, None] * 5.0
    late, plain = ((fast - smoothed(fast, beta=beta))[-1].mean() for beta in (0.5, 0.0))
    assert 0 < late < 0.5 * plain


def test_a_faces_size_is_two_root_mean_squares_from_its_middle():
    assert 10.0 == face_size(np.array([[0.0, 0.0], [6.0, 8.0]]))  # each is 5 from the middle
