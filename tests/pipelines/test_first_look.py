"""What a first look at a dataset's folder lets pass."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.first_look import first_look
from pipelines.params import SourceParams

DRAWN = SourceParams(reader="synthetic", scheme="ibug68", share=1.0, held_out=True)


def line(image: str, num_landmarks: int = 68) -> str:
    """A face as the drawn faces' reader knows it."""
    landmarks = [[float(k), float(k)] for k in range(num_landmarks)]
    flags = [True] * num_landmarks
    face = {"image": image, "landmarks": landmarks, "visible": flags, "subject": "a", "subsets": []}
    return json.dumps(face)


def write(folder: Path, *lines: str) -> None:
    """A folder of the drawn faces' layout, with these lines and one picture, images/a.png."""
    (folder / "images").mkdir()
    cv2.imwrite(str(folder / "images/a.png"), np.zeros((80, 80, 3), np.uint8))
    (folder / "ibug68.jsonl").write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")


def test_one_good_face_is_enough_whatever_comes_before_it(tmp_path):
    write(tmp_path, "no JSON", line("images/away.png"), line("images/a.png"), "nor this")
    first_look(tmp_path, DRAWN)


def test_another_layout_is_refused_with_what_was_expected(tmp_path):
    (tmp_path / "list.txt").write_text("a.png 1 2\n")
    with pytest.raises(ValueError, match=r"has no such file; expected ibug68\.jsonl beside images/"):
        first_look(tmp_path, DRAWN)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["no JSON", line("images/a.png", 67)], "ibug68.jsonl:1: not a JSON object"),
        ([line("images/a.png", 67)], "ibug68.jsonl:1: expected 68 landmarks, got 67"),
        ([line("images/away.png")], "images/away.png"),
        (["[" * 100_000], "recursion"),
    ],
)
def test_a_folder_without_a_good_face_is_refused_with_the_fault_of_the_first(tmp_path, lines, why):
    write(tmp_path, *lines)
    with pytest.raises(ValueError, match=f"holds no face that reader synthetic can read; the first: .*{why}"):
        first_look(tmp_path, DRAWN)
