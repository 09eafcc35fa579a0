"""Markups onto each other: which landmarks are the same point, and that nothing else is said to be."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from components.markups import ORDER, POINTS, onto, shared
from components.schemes import SCHEMES
from components.synthetic import draw_face

PAIRS = list(permutations(sorted(SCHEMES), 2))


def test_every_point_is_a_landmark_of_two_schemes_or_more_and_no_landmark_is_two_points() -> None:
    for place, name in enumerate(ORDER):
        named = [point[place] for point in POINTS if point[place]]
        assert set(named) <= set(SCHEMES[name].names)
        assert len(named) == len(set(named))
    assert all(sum(map(bool, point)) >= 2 for point in POINTS)


# By hand, of the published figures: corners of eyes 4, nose 9 (5 on a half), chin, outer lip 12, inner lip 2 ends and 2 middles.
COUNTS = {
    ("ibug68", "wflw98"): 4 + 9 + 1 + 12 + 4,
    # 4 corners of eyes, tip and base of the nose, 2 corners of the mouth, 4 middles of the lips, the chin.
    ("cofw29", "ibug68"): 4 + 2 + 2 + 4 + 1,
    # The same, pupils and the middles of the lids.
    ("cofw29", "wflw98"): 4 + 2 + 2 + 4 + 1 + 2 + 4,
    # 4 corners of eyes, tip of the nose, 2 corners of the mouth, the chin; from COFW the nose's wings too.
    ("aflw19", "ibug68"): 8,
    ("aflw19", "wflw98"): 8,
    ("aflw19", "cofw29"): 10,
}


@pytest.mark.parametrize("pair", PAIRS)
def test_so_many_are_shared_and_the_way_back_is_the_inverse(pair: tuple[str, str]) -> None:
    source, target = (SCHEMES[name] for name in pair)
    there, back = shared(source, target), shared(target, source)
    assert COUNTS[tuple(sorted(pair))] == len(there)  # type: ignore[index]
    assert {theirs: ours for ours, theirs in there.items()} == back


@pytest.mark.parametrize("pair", PAIRS)
def test_a_mirrored_face_maps_onto_the_mirrored_map_of_it(pair: tuple[str, str]) -> None:
    source, target = (SCHEMES[name] for name in pair)
    landmarks = np.random.default_rng(0).uniform(0, 100, (3, source.num_landmarks, 2))
    mirrored = landmarks[:, list(source.flip)]
    np.testing.assert_array_equal(onto(landmarks, source, target)[:, list(target.flip)], onto(mirrored, source, target))


@pytest.mark.parametrize("pair", PAIRS)
def test_what_the_other_markup_lacks_is_nan_and_the_rest_unchanged(pair: tuple[str, str]) -> None:
    source, target = (SCHEMES[name] for name in pair)
    landmarks = np.random.default_rng(0).uniform(0, 100, (2, source.num_landmarks, 2)).astype(np.float32)
    mapped, common = onto(landmarks, source, target), shared(source, target)
    assert ((2, target.num_landmarks, 2), np.float32) == (mapped.shape, mapped.dtype)
    for k in range(target.num_landmarks):
        expected = landmarks[:, common[k]] if k in common else np.full((2, 2), np.nan)
        np.testing.assert_array_equal(expected, mapped[:, k])


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_the_same_markup_is_itself_whole(name: str) -> None:
    landmarks = np.random.default_rng(0).uniform(0, 100, (2, SCHEMES[name].num_landmarks, 2)).astype(np.float32)
    np.testing.assert_array_equal(landmarks, onto(landmarks, SCHEMES[name], SCHEMES[name]))


@pytest.mark.parametrize("pair", PAIRS)
def test_the_corners_of_the_eyes_that_errors_are_divided_by_are_shared(pair: tuple[str, str]) -> None:
    source, target = (SCHEMES[name] for name in pair)
    common = shared(source, target)
    assert source.inter_ocular == tuple(common[k] for k in target.inter_ocular)


@pytest.mark.parametrize(("source", "target"), [*product(["ibug68", "wflw98"], repeat=2)])
def test_on_drawn_faces_they_are_the_same_points_exactly(source: str, target: str) -> None:
    # Drawn independently: both markups are places on one face's surface.
    for index in range(0, 8, 2):
        drawn = draw_face(0, index, 128).landmarks
        mapped = onto(drawn[source][None], SCHEMES[source], SCHEMES[target])[0]
        known = np.isfinite(mapped).all(axis=1)
        np.testing.assert_array_equal(drawn[target][known], mapped[known])
