"""Drawn landmarks lie where the numbers say, to a twentieth of a pixel."""

from __future__ import annotations

import numpy as np
import pytest

from components.drawing import PREDICTED, TRUTH, draw_face_pair, draw_landmarks
from components.schemes import IBUG68, Scheme

WHITE = (255, 255, 255)
BLACK = np.zeros((48, 64, 3), np.uint8)
# One outline, from landmark 0 to landmark 1.
STROKE = Scheme("stroke", ("a_0", "a_1"), (1, 0), (0, 1), ((0,), (1,)), ((0, 1),))


def centroid(image: np.ndarray) -> np.ndarray:
    """(x, y) of an image's brightness, pixel centres at integers."""
    weight = image.sum(axis=-1, dtype=np.float64)
    rows, columns = np.indices(weight.shape)
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


@pytest.mark.parametrize("at", [(20.0, 30.0), (20.5, 30.5), (20.25, 29.9), (31.73, 12.11)])
def test_a_dot_is_centred_on_its_landmark(at: tuple[float, float]) -> None:
    drawn = draw_landmarks(BLACK, np.array([at], np.float32), color=WHITE)
    np.testing.assert_allclose(centroid(drawn), at, atol=0.05)


@pytest.mark.parametrize("scale", [0.5, 2.0, 2.5, 3.0])
def test_an_enlarged_picture_keeps_its_edges_where_they_were_and_moves_pixel_centres(scale: float) -> None:
    drawn = draw_landmarks(BLACK, np.array([[20.25, 31.5]], np.float32), color=WHITE, scale=scale)
    assert (round(48 * scale), round(64 * scale), 3) == drawn.shape
    # By hand: the left edge, -0.5, stays; every other place is `scale` times as far from it.
    np.testing.assert_allclose(centroid(drawn), [(20.25 + 0.5) * scale - 0.5, (31.5 + 0.5) * scale - 0.5], atol=0.05)


def test_a_dot_lands_on_the_same_spot_of_the_enlarged_picture() -> None:
    spot = BLACK.copy()
    spot[30, 20] = 255
    np.testing.assert_allclose(
        centroid(draw_landmarks(spot, np.zeros((0, 2)), scale=4)),
        centroid(draw_landmarks(BLACK, np.array([[20.0, 30.0]]), color=WHITE, scale=4)),
        atol=0.05,
    )


def test_an_outline_runs_through_its_landmarks_and_between_pixels_where_they_do() -> None:
    drawn = draw_landmarks(BLACK, np.array([[10, 20.5], [50, 20.5]], np.float32), STROKE, color=WHITE)
    middle = drawn[:, 30, 0].astype(int)
    assert [20, 21] == np.flatnonzero(middle > 40).tolist()
    np.testing.assert_allclose(middle[20], middle[21], atol=4)


def test_the_picture_given_stays_as_it_is() -> None:
    image = BLACK.copy()
    draw_landmarks(image, np.array([[20.0, 30.0]]), color=WHITE)
    assert 0 == image.max()


def test_what_lies_outside_or_is_not_finite_is_left_out() -> None:
    landmarks = np.array([[np.nan, 3], [np.inf, 4], [-500, 20], [1e30, -1e30], [63.4, 1e9]])
    assert 0 == draw_landmarks(BLACK, landmarks, color=WHITE).max()


def test_an_outline_skips_a_landmark_that_is_not_finite() -> None:
    drawn = draw_landmarks(BLACK, np.array([[np.nan, 3], [20, 30]]), STROKE, color=WHITE)
    np.testing.assert_allclose(centroid(drawn), [20, 30], atol=0.05)


def test_a_pair_shows_truth_and_prediction_in_their_colours_and_a_line_between() -> None:
    drawn = draw_face_pair(BLACK, np.array([[10.0, 20.0]]), np.array([[40.0, 20.0]]))
    assert TRUTH == tuple(drawn[20, 10].tolist())
    assert PREDICTED == tuple(drawn[20, 40].tolist())
    assert drawn[20, 25].max() > 150


def test_a_whole_face_is_drawn_alike_twice() -> None:
    landmarks = np.random.default_rng(0).uniform(5, 43, (68, 2)).astype(np.float32)
    first, second = (draw_face_pair(BLACK, landmarks, landmarks + 1, IBUG68, scale=2) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_a_hidden_landmark_is_a_ring_with_the_picture_inside() -> None:
    at, gray = np.array([[20.0, 30.0], [44.0, 30.0]]), np.full((200, 264, 3), 90, np.uint8)
    enlarged = at * 4
    drawn = draw_landmarks(gray, enlarged, color=WHITE, hidden=np.array([True, False]))
    np.testing.assert_array_equal(90, drawn[120, 80])  # the middle of the ring
    np.testing.assert_array_equal(255, drawn[120, 176])  # and of the dot
    # By hand: the dot's radius is 0.006 * 264 = 1.58 px, the ring's 1.25 and 0.75 of that, 1.98 and 1.19.
    ring = drawn[114:127, 74:87].astype(float).sum(-1) - 3 * 90
    rows, columns = np.indices(ring.shape)
    away = np.hypot(rows - 6, columns - 6)
    assert pytest.approx(1.58, abs=0.15) == (ring * away).sum() / ring.sum()
    np.testing.assert_allclose([(ring * axis).sum() / ring.sum() for axis in (rows, columns)], 6, atol=0.01)
