"""The drawn faces' `SCHEME.jsonl`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from components.datasets import DATASETS
from components.samples import Annotation
from components.schemes import Scheme

DATASET = DATASETS["synthetic"]
FACE = {
    "image": "images/000007.jpg",
    "landmarks": [[1.25, 2], [3, 4], [5, 6]],
    "visible": [True, False, True],
    "subject": "anna",
    "subsets": ["pose", "blur"],
}


@pytest.fixture
def read(tmp_path: Path, three: Scheme) -> Callable[..., list[Annotation]]:
    """Writes lines into `three.jsonl` and reads them."""

    def write_and_read(*lines: str) -> list[Annotation]:
        (tmp_path / "three.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return [DATASET.parse(tmp_path, three, record) for record in DATASET.records(tmp_path, three)]

    return write_and_read


def test_a_line_is_taken_as_it_is(read: Callable) -> None:
    (face,) = read(json.dumps(FACE))
    assert [[1.25, 2], [3, 4], [5, 6]] == face.landmarks.tolist()  # 0-based already
    assert [True, False, True] == face.visible.tolist()
    assert ("000007", "images/000007.jpg", "anna", ("pose", "blur")) == (
        face.face,
        face.image,
        face.subject,
        face.subsets,
    )
    assert (None, None) == (face.box, face.split)


def test_a_line_that_is_no_json_is_refused_with_file_line_and_column(read: Callable) -> None:
    with pytest.raises(
        ValueError, match="^" + re.escape("three.jsonl:2: not a JSON object: Expecting value at column 11") + "$"
    ):
        read(json.dumps(FACE), '{"image": }')


@pytest.mark.parametrize("field", sorted(FACE))
def test_a_missing_field_is_named(read: Callable, field: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(f"three.jsonl:1: missing or misshapen field '{field}'") + "$"):
        read(json.dumps({key: value for key, value in FACE.items() if key != field}))


@pytest.mark.parametrize(
    "changed",
    [{"landmarks": [[1, 2]]}, {"landmarks": [[1, 2], [3, 4], [5]]}, {"landmarks": 5}, {"image": 3}, {"subsets": None}],
)
def test_a_field_of_another_shape_is_refused_with_file_and_line(read: Callable, changed: dict) -> None:
    with pytest.raises(ValueError, match=r"^three\.jsonl:1: "):
        read(json.dumps({**FACE, **changed}))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_a_drawn_landmark_always_has_a_position(read: Callable, bad: float | None) -> None:
    # NaN and Infinity as Python's json writes them.
    with pytest.raises(ValueError, match=r"^three\.jsonl:1: 1 landmarks are NaN or infinite, the first is number 1$"):
        read(json.dumps({**FACE, "landmarks": [[1, 2], [3, bad], [5, 6]]}))


@pytest.mark.parametrize("line", ["[]", "3", "null", '"x"'])
def test_json_that_is_no_object_is_refused_with_file_and_line(read: Callable, line: str) -> None:
    with pytest.raises(ValueError, match=r"^three\.jsonl:1: "):
        read(line)


def test_a_byte_order_mark_is_no_matter(tmp_path: Path, three: Scheme) -> None:
    (tmp_path / "three.jsonl").write_text("\ufeff" + json.dumps(FACE), encoding="utf-8")
    (face,) = (DATASET.parse(tmp_path, three, record) for record in DATASET.records(tmp_path, three))
    assert "000007" == face.face


def test_flags_of_another_number_and_names_that_are_none_are_refused(read: Callable) -> None:
    with pytest.raises(ValueError, match=r"^three\.jsonl:1: expected 3 flags, got \(2,\)$"):
        read(json.dumps({**FACE, "visible": [True, False]}))
    for changed in ({"subject": 5}, {"subsets": [None]}):
        with pytest.raises(ValueError, match=r"^three\.jsonl:1: image, subject and subsets are texts, got "):
            read(json.dumps({**FACE, **changed}))


def test_an_empty_file_is_refused(tmp_path: Path, read: Callable) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(f"{tmp_path / 'three.jsonl'} is empty") + "$"):
        read()


def test_a_folder_of_another_scheme_says_what_is_missing(tmp_path: Path, three: Scheme) -> None:
    (tmp_path / "ibug68.jsonl").write_text(json.dumps(FACE))
    with pytest.raises(ValueError, match=r"has no such file; expected three\.jsonl beside images/"):
        DATASET.records(tmp_path, three)
