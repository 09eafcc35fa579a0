"""One's own faces in `faces.csv`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.datasets import DATASETS
from components.samples import Annotation, Box
from components.schemes import Scheme

DATASET = DATASETS["csv"]
PLAIN = "image,x0,y0,x1,y1,x2,y2"


@pytest.fixture
def read(tmp_path: Path, three: Scheme) -> Callable[..., list[Annotation]]:
    """Writes lines into `faces.csv` and reads them."""

    def write_and_read(*lines: str, start: str = "") -> list[Annotation]:
        (tmp_path / "faces.csv").write_text(start + "\n".join(lines) + "\n", encoding="utf-8")
        return [DATASET.parse(tmp_path, three, record) for record in DATASET.records(tmp_path, three)]

    return write_and_read


def test_the_columns_of_a_scheme_are_enough(read: Callable) -> None:
    (face,) = read(PLAIN, "a/1.jpg,1,2,3.5,4,5,-6")
    assert [[1, 2], [3.5, 4], [5, -6]] == face.landmarks.tolist()  # 0-based already
    assert ("a/1.jpg:2", "a/1.jpg", "a/1.jpg") == (face.face, face.image, face.subject)
    assert (None, (), None) == (face.box, face.subsets, face.split)
    assert face.visible.all()


def test_columns_may_stand_in_any_order_among_others(read: Callable) -> None:
    (face,) = read("y2,x2,note,y1,x1,y0,x0,image", "6,5,hello,4,3,2,1,a.jpg")
    assert [[1, 2], [3, 4], [5, 6]] == face.landmarks.tolist()


def test_optional_columns_are_taken(read: Callable) -> None:
    header = f"{PLAIN},face,subject,split,subsets,box_x0,box_y0,box_x1,box_y1,v0,v1,v2"
    (face,) = read(header, "a.jpg,1,2,3,4,5,6,f1,anna,test,pose blur,0,1.5,20,30,1,0,")
    assert ("f1", "anna", "test", ("pose", "blur")) == (face.face, face.subject, face.split, face.subsets)
    assert Box(0, 1.5, 20, 30) == face.box
    assert [True, False, True] == face.visible.tolist()


def test_optional_columns_may_be_left_empty(read: Callable) -> None:
    header = f"{PLAIN},face,subject,split,subsets,box_x0,box_y0,box_x1,box_y1"
    (face,) = read(header, "a.jpg,1,2,3,4,5,6,,,,,,,,")
    assert ("a.jpg:2", "a.jpg", None, (), None) == (face.face, face.subject, face.split, face.subsets, face.box)


def test_quoted_fields_may_hold_commas_and_quotes(read: Callable) -> None:
    (face,) = read(PLAIN, '"a, ""b"".jpg","1",2,3,4,5,6')
    assert 'a, "b".jpg' == face.image
    assert [1, 2] == face.landmarks[0].tolist()


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(read: Callable) -> None:
    (face,) = read(f"{PLAIN}\r", "a.jpg,1,2,3,4,5,6\r", start="\ufeff")
    assert ("a.jpg", 6.0) == (face.image, face.landmarks[2, 1])


def test_two_faces_of_a_picture_are_told_apart_and_blank_lines_counted(read: Callable) -> None:
    faces = read(PLAIN, "a.jpg,1,2,3,4,5,6", "", "a.jpg,2,2,3,4,5,6")
    # By hand: lines 2 and 4 of the file.
    assert ["a.jpg:2", "a.jpg:4"] == [face.face for face in faces]
    assert 1 == len({face.subject for face in faces})


def test_a_hidden_landmark_may_be_without_a_position(read: Callable) -> None:
    (face,) = read(f"{PLAIN},v0,v1,v2", "a.jpg,1,2,nan,nan,5,6,1,0,1")
    np.testing.assert_array_equal([[1, 2], [np.nan, np.nan], [5, 6]], face.landmarks)
    assert [True, False, True] == face.visible.tolist()


@pytest.mark.parametrize(
    ("word", "visible"),
    [(word, True) for word in ("", "1", "1.0", "true", "True", "YES", " 1 ")]
    + [(word, False) for word in ("0", "0.0", "false", "FALSE", "no", "No", " 0 ")],
)
def test_a_flag_is_read_in_any_of_its_spellings(read: Callable, word: str, visible: bool) -> None:
    (face,) = read(f"{PLAIN},v1", f"a.jpg,1,2,3,4,5,6,{word}")
    assert [True, visible, True] == face.visible.tolist()


@pytest.mark.parametrize("word", ["2", "-1", "maybe", "nan", "n"])
def test_a_flag_that_is_neither_is_refused(read: Callable, word: str) -> None:
    message = f"faces.csv:2: a landmark is visible (1, true, yes) or hidden (0, false, no), got '{word}'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read(f"{PLAIN},v1", f"a.jpg,1,2,3,4,5,6,{word}")


def test_a_repeated_column_is_refused(tmp_path: Path, read: Callable) -> None:
    message = f"{tmp_path / 'faces.csv'}:1: columns that stand there more than once: x0, y2"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read(f"{PLAIN},y2,x0", "a.jpg,1,2,3,4,5,6,7,8")


def test_columns_without_a_name_may_be_several(read: Callable) -> None:
    (face,) = read(f"{PLAIN},,", "a.jpg,1,2,3,4,5,6,,")
    assert [[1, 2], [3, 4], [5, 6]] == face.landmarks.tolist()


def test_a_field_that_is_too_long_is_refused_with_its_line(read: Callable) -> None:
    with pytest.raises(ValueError, match=r"^faces\.csv:2: field larger than field limit \(131072\)$"):
        read(PLAIN, "a" * 200_000 + ".jpg,1,2,3,4,5,6")


@pytest.mark.parametrize(
    "fields",
    [
        # By hand: seen, yet nowhere, with a flag or without; one of two coordinates; infinite.
        "nan,nan,1",
        "nan,nan,",
        "nan,4,0",
        "inf,inf,0",
    ],
)
def test_other_coordinates_that_are_not_finite_are_refused_with_the_line(read: Callable, fields: str) -> None:
    message = "faces.csv:2: 1 landmarks are NaN or infinite, the first is number 1"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read("image,x0,y0,x2,y2,x1,y1,v1", f"a.jpg,1,2,5,6,{fields}")


def test_missing_columns_are_named(tmp_path: Path, read: Callable) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(f"{tmp_path / 'faces.csv'}:1: missing columns x2, y2") + "$"):
        read("image,x0,y0,x1,y1", "a.jpg,1,2,3,4")


def test_of_many_missing_columns_the_first_are_named(tmp_path: Path, read: Callable) -> None:
    with pytest.raises(
        ValueError, match="^" + re.escape(f"{tmp_path / 'faces.csv'}:1: missing columns image, x0, y0, x1, ...") + "$"
    ):
        read("picture", "a.jpg")


@pytest.mark.parametrize("line", ["a.jpg,1,2,3,4,5", "a.jpg,1,2,3,4,5,6,7"])
def test_a_line_of_another_length_is_refused(read: Callable, line: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape("faces.csv:3: expected 7 fields") + "$"):
        read(PLAIN, "a.jpg,1,2,3,4,5,6", line)


@pytest.mark.parametrize("word", ["", "abc"])
def test_a_coordinate_that_is_no_number_is_refused(read: Callable, word: str) -> None:
    with pytest.raises(
        ValueError, match="^" + re.escape("faces.csv:2: expected two numbers for each of 3 landmarks") + "$"
    ):
        read(PLAIN, f"a.jpg,{word},2,3,4,5,6")


def test_an_unknown_split_is_refused(read: Callable) -> None:
    with pytest.raises(
        ValueError, match="^" + re.escape("faces.csv:2: split is train, test or empty, got 'val'") + "$"
    ):
        read(f"{PLAIN},split", "a.jpg,1,2,3,4,5,6,val")


@pytest.mark.parametrize("box", ["1,2,3,", "1,2,3,x", "1,2,nan,4", "1,2,3,inf"])
def test_a_box_that_is_not_four_numbers_is_refused(read: Callable, box: str) -> None:
    with pytest.raises(
        ValueError,
        match="^" + re.escape(f"faces.csv:2: the box is not four numbers: {', '.join(box.split(','))}") + "$",
    ):
        read(f"{PLAIN},box_x0,box_y0,box_x1,box_y1", f"a.jpg,1,2,3,4,5,6,{box}")


@pytest.mark.parametrize("lines", [[], ["", " "]])
def test_a_header_alone_is_refused(tmp_path: Path, read: Callable, lines: list[str]) -> None:
    with pytest.raises(
        ValueError, match="^" + re.escape(f"{tmp_path / 'faces.csv'} has no faces below its header") + "$"
    ):
        read(PLAIN, *lines)


def test_an_empty_file_lacks_its_columns(tmp_path: Path, three: Scheme) -> None:
    (tmp_path / "faces.csv").write_text("")
    with pytest.raises(ValueError, match=r"faces\.csv:1: missing columns image, x0"):
        DATASET.records(tmp_path, three)
