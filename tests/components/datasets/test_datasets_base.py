"""What readers share: the choice of a scheme, rows of numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from components.datasets import DATASETS
from components.datasets.base import finite_box, list_files, to_landmarks
from components.samples import Box


def test_the_first_scheme_is_the_usual_one() -> None:
    assert "ibug68" == DATASETS["300w"].scheme()
    assert "wflw98" == DATASETS["synthetic"].scheme("wflw98")


def test_a_format_for_any_scheme_asks_for_its_name() -> None:
    assert "wflw98" == DATASETS["csv"].scheme("wflw98")
    with pytest.raises(
        ValueError, match="^" + re.escape("dataset 'csv' has no scheme None; known: any, by name") + "$"
    ):
        DATASETS["csv"].scheme()


def test_a_scheme_that_a_dataset_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="^" + re.escape("dataset '300w' has no scheme 'wflw98'; known: ibug68") + "$"):
        DATASETS["300w"].scheme("wflw98")


def test_numbers_are_taken_as_they_are() -> None:
    assert [[1.5, -2.0], [3.0, 400.25]] == to_landmarks([["1.5", "-2"], [3, 400.25]], "x:1", 2).tolist()
    assert np.float32 == to_landmarks([[1, 2]], "x:1", 1).dtype


@pytest.mark.parametrize("bad", ["nan", "-inf"])
def test_where_a_format_has_a_position_for_each_landmark_nan_is_refused(bad: str) -> None:
    rows = [[1, 2], ["3", bad], [bad, bad]]
    with pytest.raises(ValueError, match=r"^x:1: 2 landmarks are NaN or infinite, the first is number 1$"):
        to_landmarks(rows, "x:1", 3)


def test_a_hidden_landmark_may_be_without_a_position_where_a_format_says_so() -> None:
    landmarks = to_landmarks([[1, 2], ["nan", "nan"], [5, 6]], "x:1", 3, hidden=np.array([False, True, True]))
    np.testing.assert_array_equal([[1, 2], [np.nan, np.nan], [5, 6]], landmarks)


@pytest.mark.parametrize(
    ("row", "hidden"), [(["nan", "nan"], False), (["nan", 2], True), ([1, "nan"], True), (["inf", "inf"], True)]
)
def test_half_a_position_an_infinite_one_and_none_of_a_visible_landmark_are_refused(row: list, hidden: bool) -> None:
    with pytest.raises(ValueError, match=r"^x:1: 1 landmarks are NaN or infinite, the first is number 1$"):
        to_landmarks([[1, 2], row], "x:1", 2, hidden=np.array([False, hidden]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_box_with_an_edge_that_is_not_finite_is_refused(bad: float) -> None:
    assert Box(1, 2, 3, 4) == finite_box(1, 2, 3, 4)
    with pytest.raises(ValueError, match=r"^an edge is NaN or infinite$"):
        finite_box(1, 2, bad, 4)


@pytest.mark.parametrize("rows", [[], [[1, 2]], [[1, 2]] * 3])
def test_another_number_of_rows_is_refused(rows: list) -> None:
    with pytest.raises(ValueError, match=f"x:1: expected 2 landmarks, got {len(rows)}"):
        to_landmarks(rows, "x:1", 2)


@pytest.mark.parametrize("row", [[1], [1, 2, 3], ["a", 2], ["", "1"], "12", 5])
def test_a_row_that_is_not_two_numbers_is_refused(row: object) -> None:
    with pytest.raises(ValueError, match="x:1: expected two numbers for each of 2 landmarks"):
        to_landmarks([[1, 2], row], "x:1", 2)


@pytest.mark.parametrize("huge", ["1e39", 1e300, "-1e39", 10**300])
def test_what_is_infinite_to_a_float32_is_refused_as_such(huge: object) -> None:
    with pytest.raises(ValueError, match=r"^x:1: 1 landmarks are NaN or infinite, the first is number 0$"):
        to_landmarks([[huge, 2]], "x:1", 1)


def test_files_are_listed_in_order_with_broken_links_and_without_entering_linked_folders(tmp_path: Path) -> None:
    for name in ("b/2.pts", "b/1.pts", "a.pts", "c/d/e.pts"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "b/loop.pts").symlink_to("loop.pts")
    (tmp_path / "b/none.pts").symlink_to("nowhere")
    (tmp_path / "b/up").symlink_to("..")
    assert ["a.pts", "b/1.pts", "b/2.pts", "b/loop.pts", "b/none.pts", "c/d/e.pts"] == list_files(tmp_path)
    assert [] == list_files(tmp_path / "missing")
