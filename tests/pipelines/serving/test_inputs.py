"""The pictures that somebody names, and the boxes in a CSV."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.serving.boxes import read_boxes
from pipelines.serving.inputs import gather

HEADER = "image,x0,y0,x1,y1\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """b/1.jpg, b/sub/2.TIF and a.jpg, empty: nobody opens them here."""
    for name in ("b/1.jpg", "b/sub/2.TIF", "b/notes.txt", "a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_files_come_as_they_are_and_folders_with_all_pictures_below_them(tree):
    found = gather([tree / "b", tree / "a.jpg"])
    assert ["b/1.jpg", "b/sub/2.TIF", "a.jpg"] == [picture.name for picture in found]
    # What is neither JPEG nor PNG is drawn as PNG.
    assert ["b/1.jpg", "b/sub/2.TIF.png", "a.jpg"] == [picture.drawing for picture in found]


def test_no_name_leads_out_of_the_output(tree, monkeypatch):
    monkeypatch.chdir(tree / "b/sub")
    names = [picture.name for place in ("..", "../../b", ".") for picture in gather([Path(place)])]
    assert {"b/1.jpg", "b/sub/2.TIF", "sub/2.TIF"} == set(names)


def test_a_named_file_may_have_any_name(tree):
    assert ["notes.txt.png"] == [picture.drawing for picture in gather([tree / "b/notes.txt"])]


def test_links_to_folders_are_not_followed_and_pipes_are_not_opened(tree):
    (tree / "b/loop").symlink_to(tree / "b")
    os.mkfifo(tree / "b/pipe.jpg")
    assert ["b/1.jpg", "b/sub/2.TIF"] == [picture.name for picture in gather([tree / "b"])]
    with pytest.raises(ValueError, match=r"pipe\.jpg: expected a picture or a folder, found neither"):
        gather([tree / "b/pipe.jpg"])


def test_two_pictures_of_one_name_are_refused_before_any_is_read(tree):
    (tree / "b/a.jpg").touch()
    with pytest.raises(ValueError, match=r"a\.jpg and .*b/a\.jpg would be drawn twice as a\.jpg"):
        gather([tree / "a.jpg", tree / "b/a.jpg"])


def test_a_place_without_pictures_is_refused(tree):
    (tree / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no picture: no file that ends in \.jpg"):
        gather([tree / "empty"])
    with pytest.raises(ValueError, match=r"away\.jpg: expected a picture or a folder, found nothing"):
        gather([tree / "away.jpg"])


def test_boxes_are_found_by_the_paths_from_the_csv_or_from_an_input_folder(tree):
    pictures = gather([tree / "b", tree / "a.jpg"])
    rows = "b/1.jpg,0,1,2,3\nsub/2.TIF,4,5,6,7\n\na.jpg,8,9,10,11.5\nb/1.jpg,1,1,2,2\nelsewhere.jpg,0,0,1,1\n"
    boxes = read_boxes(write(tree / "boxes.csv", "\ufeff" + HEADER + rows), pictures)
    assert {"b/1.jpg", "b/sub/2.TIF", "a.jpg"} == set(boxes)
    assert np.array_equal([[0, 1, 2, 3], [1, 1, 2, 2]], boxes["b/1.jpg"])
    assert np.array_equal([[8, 9, 10, 11.5]], boxes["a.jpg"])


def test_further_columns_and_their_order_are_free(tree):
    csv = write(tree / "boxes.csv", "score,x1,y1,x0,y0,image\n0.9,3,4,1,2,a.jpg\n")
    assert [[1, 2, 3, 4]] == read_boxes(csv, gather([tree / "a.jpg"]))["a.jpg"].tolist()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,x,y,w,h\na.jpg,0,0,1,1\n", "boxes.csv:1: expected one column each of image,x0,y0,x1,y1; not so: x0,y0,x1,y1"),
        ("image,x0,x0,y0,x1,y1\n", "not so: x0"),
        ("", "boxes.csv:1: expected one column each"),
        (HEADER + "a.jpg,0,0,1\n", "boxes.csv:2: expected 5 fields, got 4"),
        (HEADER + "a.jpg,0,0,one,1\n", "boxes.csv:2: could not convert string to float: 'one'"),
        (HEADER + "a.jpg,0,0,1,1\na.jpg,5,0,1,1\n", "boxes.csv:3: expected x0 < x1 and y0 < y1, px, got 5 0 1 1"),
        (HEADER + "a.jpg,0,0,nan,1\n", "boxes.csv:2: expected x0 < x1"),
        (HEADER + "c.jpg,0,0,1,1\n", "no row names a picture that is among the inputs, as a.jpg"),
    ],
)  # fmt: skip
def test_a_csv_that_is_wrong_is_refused_with_file_and_line(tree, text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        read_boxes(write(tree / "boxes.csv", text), gather([tree / "a.jpg"]))


def test_a_row_that_could_mean_two_pictures_is_refused(tree):
    (tree / "b/a.jpg").touch()
    csv = write(tree / "boxes.csv", HEADER + "a.jpg,0,0,1,1\n")
    with pytest.raises(ValueError, match=r"boxes\.csv:2: a\.jpg could be a\.jpg or b/a\.jpg"):
        read_boxes(csv, gather([tree / "b", tree / "a.jpg"]))


def test_a_csv_that_is_not_there_or_not_text_is_refused(tree):
    with pytest.raises(ValueError, match=r"away\.csv: No such file"):
        read_boxes(tree / "away.csv", gather([tree / "a.jpg"]))
    (tree / "boxes.csv").write_bytes(HEADER.encode() + b"\xff\xfe,0,0,1,1\n")
    with pytest.raises(ValueError, match=r"boxes\.csv: not a CSV file in UTF-8"):
        read_boxes(tree / "boxes.csv", gather([tree / "a.jpg"]))


def test_boxes_in_parquet_are_those_in_csv(tree):
    rows = {
        "image": ["b/1.jpg", "a.jpg"],
        "x0": [0, 8],
        "y0": [1.0, 9.0],
        "x1": [2, 10],
        "y1": [3, 11.5],
        "score": [0.5, 1.0],
    }
    pq.write_table(pa.table(rows), tree / "boxes.parquet")
    boxes = read_boxes(tree / "boxes.parquet", gather([tree / "b", tree / "a.jpg"]))
    assert {"b/1.jpg": [[0, 1, 2, 3]], "a.jpg": [[8, 9, 10, 11.5]]} == {
        name: own.tolist() for name, own in boxes.items()
    }


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"image": ["a.jpg"], "x": [0]}, "boxes.parquet: expected the columns image,x0,y0,x1,y1; there is no x0,y0,x1,y1"),
        ({"image": [None], "x0": [0], "y0": [0], "x1": [1], "y1": [1]}, "row 0: expected the name of a picture, got None"),
        ({"image": ["a.jpg"], "x0": [0], "y0": [None], "x1": [1], "y1": [1]}, "boxes.parquet: row 0: float() argument"),
        ({"image": ["a.jpg"], "x0": [2], "y0": [0], "x1": [1], "y1": [1]}, "boxes.parquet: row 0: expected x0 < x1"),
    ],
)  # fmt: skip
def test_a_parquet_file_that_is_wrong_is_refused_with_its_row(tree, rows, words):
    pq.write_table(pa.table(rows), tree / "boxes.parquet")
    with pytest.raises(ValueError, match=re.escape(words)):
        read_boxes(tree / "boxes.parquet", gather([tree / "a.jpg"]))
