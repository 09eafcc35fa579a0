"""WFLW's lists: 207 fields, 0-based, attributes as subsets of the test faces."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.datasets import DATASETS
from components.datasets.wflw import LISTS
from components.samples import Annotation, Box
from components.schemes import WFLW98

DATASET = DATASETS["wflw"]
GENUINE = Path(__file__).resolve().parents[4] / "shared" / "data" / "formats" / "wflw_lists"
TEST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"


@pytest.fixture
def line(landmarks_of: Callable, wflw_line: Callable) -> Callable[..., str]:
    """A line for face number 0."""
    return lambda name="a/1.jpg", **given: wflw_line(landmarks_of(WFLW98, 0), name, **given)


@pytest.fixture
def read(tmp_path: Path, picture: bytes) -> Callable[..., list[Annotation]]:
    """Writes lists, and pictures a/1.jpg and a/2.jpg, and reads them."""

    def write_and_read(**lists: list[str]) -> list[Annotation]:
        for split, lines in lists.items():
            path = tmp_path / LISTS.format(split)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        for name in ("1", "2"):
            path = tmp_path / f"WFLW_images/a/{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)
        return list(DATASET.read(tmp_path))

    return write_and_read


def test_nothing_is_subtracted_and_the_rectangle_is_the_box(read: Callable, line: Callable) -> None:
    text = line(box="10 20 110 141")
    assert text.startswith("0.000000 0.125000 ")
    (face,) = read(train=[text])
    assert [0.0, 0.125] == face.landmarks[0].tolist()
    assert Box(10, 20, 110, 141) == face.box
    assert ("WFLW_images/a/1.jpg", "a/1.jpg", "train") == (face.image, face.subject, face.split)
    assert face.visible.all()


@pytest.mark.parametrize(
    ("place", "subset"), list(enumerate(["pose", "expression", "illumination", "makeup", "occlusion", "blur"]))
)
def test_each_attribute_is_a_subset_of_the_test_faces(read: Callable, line: Callable, place: int, subset: str) -> None:
    text = line(attributes=tuple(int(i == place) for i in range(6)))
    train, test = read(train=[text], test=[text])
    assert ((), (subset,)) == (train.subsets, test.subsets)
    assert ("train", "test") == (train.split, test.split)


def test_lines_of_one_photo_or_even_one_face_are_faces_of_their_own_and_one_subject(
    read: Callable, line: Callable
) -> None:
    faces = read(train=[line(), line(), line("a/2.jpg")], test=[line()])
    # By hand: picture, list and line.
    assert ["a/1.jpg:train:1", "a/1.jpg:train:2", "a/2.jpg:train:3", "a/1.jpg:test:1"] == [face.face for face in faces]
    assert ["a/1.jpg", "a/1.jpg", "a/2.jpg", "a/1.jpg"] == [face.subject for face in faces]


@pytest.mark.parametrize("split", ["train", "test"])
def test_one_list_alone_is_read(read: Callable, line: Callable, split: str) -> None:
    assert [split] == [face.split for face in read(**{split: [line()]})]


def test_blank_lines_are_counted_and_windows_line_ends_no_matter(read: Callable, line: Callable) -> None:
    faces = read(test=["", line() + "\r"])
    assert ["a/1.jpg:test:2"] == [face.face for face in faces]


def test_a_byte_order_mark_costs_no_face(tmp_path: Path, read: Callable, line: Callable) -> None:
    read(test=[line()])
    (tmp_path / TEST).write_bytes(b"\xef\xbb\xbf" + (tmp_path / TEST).read_bytes())
    (face,) = DATASET.read(tmp_path)
    assert [0.0, 0.125] == face.landmarks[0].tolist()


@pytest.mark.parametrize("num_fields", [1, 100, 206, 208])
def test_a_line_of_another_length_is_refused_and_costs_no_other(
    tmp_path: Path, read: Callable, line: Callable, num_fields: int
) -> None:
    cut = " ".join((line().split() * 2)[:num_fields])
    with pytest.raises(ValueError, match="^" + re.escape(f"{TEST}:2: expected 207 fields, got {num_fields}") + "$"):
        read(test=[line(), cut, line()])
    first, _, last = DATASET.records(tmp_path, WFLW98)
    assert ["test:1", "test:3"] == [first.face, last.face]
    assert "a/1.jpg:test:3" == DATASET.parse(tmp_path, WFLW98, last).face


def test_a_picture_that_is_absent_is_refused_with_the_line(read: Callable, line: Callable) -> None:
    message = f"{TEST}:1: its picture WFLW_images/b/9.jpg is missing"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read(test=[line("b/9.jpg")])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.125000", "abc", "expected two numbers for each of 98 landmarks"),
        ("0.125000", "nan", "1 landmarks are NaN or infinite, the first is number 0"),
        ("10 20 110 140", "10 20 x 140", "the rectangle is not four numbers: 10 20 x 140"),
        ("10 20 110 140", "nan 20 110 140", "the rectangle is not four numbers: nan 20 110 140"),
        ("10 20 110 140", "10 20 inf 140", "the rectangle is not four numbers: 10 20 inf 140"),
        ("140 0 0", "140 0 2", "expected 6 attributes of 0 or 1, got 0 2 0 0 0 0"),
    ],
)
def test_a_field_that_is_no_number_is_refused_with_the_line(
    read: Callable, line: Callable, old: str, new: str, message: str
) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(f"{TEST}:1: {message}") + "$"):
        read(test=[line().replace(old, new, 1)])


@pytest.mark.parametrize(("content", "message"), [(b"\n", " is empty"), (b"\xff\xfe\x00", ": not UTF-8 at byte 0")])
def test_a_damaged_list_is_refused_as_a_whole(
    tmp_path: Path, read: Callable, line: Callable, content: bytes, message: str
) -> None:
    read(train=[line()], test=[line()])
    (tmp_path / TEST).write_bytes(content)
    with pytest.raises(ValueError, match="^" + re.escape(f"{tmp_path / TEST}{message}") + "$"):
        DATASET.records(tmp_path, WFLW98)


@pytest.mark.skipif(not GENUINE.is_dir(), reason="the genuine lists are not here")
@pytest.mark.parametrize("file", ["list_98pt_test_blur.txt", "list_98pt_test_largepose.txt"])
def test_coordinates_of_genuine_lines_are_read_as_they_stand(read: Callable, file: str, tmp_path: Path) -> None:
    # These lists are of 196 coordinates and a name; the rectangle and the attributes stand in others.
    genuine = (GENUINE / file).read_text().splitlines()
    fields = [text.split() for text in genuine]
    assert {197} == {len(words) for words in fields}
    lines = [" ".join([*words[:-1], "1 2 3 4 0 0 0 0 0 1 a/1.jpg"]) for words in fields]
    faces = read(test=lines)
    assert 40 == len(faces)  # as its README's sample has
    for face, words in zip(faces, fields, strict=True):
        np.testing.assert_array_equal(np.array(words[:-1], np.float32), face.landmarks.ravel())
        assert ("blur",) == face.subsets
        right, left = (face.landmarks[k] for k in WFLW98.inter_ocular)
        assert np.linalg.norm(left - right) > 1  # px: two eyes
