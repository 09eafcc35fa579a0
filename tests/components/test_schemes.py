"""Landmark schemes: what is true of each markup."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from itertools import pairwise

import pytest

from components.schemes import AFLW19, COFW29, IBUG68, SCHEMES, WFLW98, Scheme


@pytest.fixture(params=sorted(SCHEMES))
def scheme(request: pytest.FixtureRequest) -> Scheme:
    return SCHEMES[request.param]


def test_a_scheme_stands_under_its_name() -> None:
    assert list(SCHEMES) == [scheme.name for scheme in SCHEMES.values()] == sorted(SCHEMES)


def test_names_are_unique(scheme: Scheme) -> None:
    assert scheme.num_landmarks == len(set(scheme.names))


def test_flipping_twice_is_the_identity(scheme: Scheme) -> None:
    assert list(range(scheme.num_landmarks)) == [scheme.flip[k] for k in scheme.flip]


def test_a_flip_swaps_right_and_left_parts_and_keeps_the_others(scheme: Scheme) -> None:
    other = {"right": "left", "left": "right"}

    def mirrored(group: str) -> str:
        return "_".join(other.get(word, word) for word in group.split("_"))

    groups = [name.rpartition("_")[0] for name in scheme.names]
    assert [mirrored(group) for group in groups] == [groups[k] for k in scheme.flip]


def test_a_flip_swaps_the_eye_corners_and_the_pupils(scheme: Scheme) -> None:
    right, left = scheme.inter_ocular
    assert left == scheme.flip[right]
    assert sorted(scheme.pupils[1]) == sorted(scheme.flip[k] for k in scheme.pupils[0])


def test_the_eye_corners_are_the_right_and_the_left_eyes(scheme: Scheme) -> None:
    assert ["right_eye", "left_eye"] == [scheme.names[k].rpartition("_")[0] for k in scheme.inter_ocular]


def test_outlines_mirror_onto_outlines(scheme: Scheme) -> None:
    def segments(lines: tuple[tuple[int, ...], ...]) -> set[frozenset[int]]:
        return {frozenset(pair) for line in lines for pair in pairwise(line)}

    mirrored = tuple(tuple(scheme.flip[k] for k in line) for line in scheme.outlines)
    assert segments(scheme.outlines) == segments(mirrored)


def test_a_scheme_comes_back_from_json(scheme: Scheme) -> None:
    assert scheme == Scheme.from_dict(json.loads(json.dumps(asdict(scheme))))


def test_300w_is_flipped_as_in_the_code_of_hih_and_star() -> None:
    # The table of HIH's released code, which equals STAR's pair list.
    table = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    table += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    table += [*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65]
    assert table == list(IBUG68.flip)


def test_wflw_is_flipped_as_in_the_code_of_hih_and_star() -> None:
    # The table of HIH's released code, which equals STAR's pair list.
    table = [*range(32, -1, -1), 46, 45, 44, 43, 42, 50, 49, 48, 47, 37, 36, 35, 34, 33, 41, 40, 39, 38]
    table += [51, 52, 53, 54, 59, 58, 57, 56, 55, 72, 71, 70, 69, 68, 75, 74, 73, 64, 63, 62, 61, 60, 67, 66, 65]
    table += [82, 81, 80, 79, 78, 77, 76, 87, 86, 85, 84, 83, 92, 91, 90, 89, 88, 95, 94, 93, 97, 96]
    assert table == list(WFLW98.flip)


def test_cofw_is_flipped_as_in_the_code_of_hih_and_star() -> None:
    # The table of HIH's released code, which equals STAR's pair list.
    table = [1, 0, 3, 2, 6, 7, 4, 5, 9, 8, 11, 10, 14, 15, 12, 13, 17, 16, 19, 18, 20, 21, 23, 22, 24, 25, 26, 27, 28]
    assert table == list(COFW29.flip)


def test_aflw_is_flipped_as_in_the_code_of_hih() -> None:
    # The table of HIH's released code.
    assert [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 14, 13, 12, 17, 16, 15, 18] == list(AFLW19.flip)


def test_normalisers_are_the_benchmarks_own() -> None:
    # COFW: outer eye corners 8 and 9 in HIH's code, pupils 16 and 17 in STAR's. AFLW-19 marks an eye by its outer
    # corner, centre and inner corner, 6 to 8, and the other by inner, centre and outer, 9 to 11.
    assert ((8, 9), (6, 11)) == (COFW29.inter_ocular, AFLW19.inter_ocular)
    assert (((16,), (17,)), ((7,), (10,))) == (COFW29.pupils, AFLW19.pupils)
    # HIH's and STAR's code: 36-45 and 60-72 between the outer eye corners; means of 36-41 and 42-47 for 300-W's pupils.
    assert ((36, 45), (60, 72)) == (IBUG68.inter_ocular, WFLW98.inter_ocular)
    assert ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47)) == IBUG68.pupils
    assert ((96,), (97,)) == WFLW98.pupils


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"flip": (0, 1)}, "scheme three: flip is not a permutation of 0..2"),
        ({"flip": (0, 0, 1)}, "scheme three: flip is not a permutation of 0..2"),
        ({"flip": (1, 2, 0)}, "scheme three: flipping twice is not the identity"),
        ({"inter_ocular": (0, 3)}, "scheme three: an index lies outside 0..2"),
        ({"pupils": ((0,), (-1,))}, "scheme three: an index lies outside 0..2"),
        ({"outlines": ((0, 9),)}, "scheme three: an index lies outside 0..2"),
    ],
)
def test_a_scheme_that_contradicts_itself_is_refused(three: Scheme, changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        replace(three, **changed)
