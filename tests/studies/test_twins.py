"""What the study of twins makes of a face and its copies."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from components.synthetic import draw_face
from pipelines.draw import draw_folder
from studies.twins import as_hash, copies, main, mirrored, nearer, smaller


def test_a_copy_keeps_its_landmarks_on_the_same_places_of_the_face():
    picture = np.arange(60 * 80 * 3).reshape(60, 80, 3).astype(np.uint8)
    marks = np.array([[10.0, 20.0], [40.0, 30.0]])
    assert [[4.75, 9.75], [19.75, 14.75]] == smaller(picture, marks, 0.5)[1].tolist()  # (10 + 0.5) / 2 - 0.5
    flipped, turned = mirrored(picture, marks)
    assert [[69, 20], [39, 30]] == turned.tolist()
    assert picture[20, 10].tolist() == flipped[20, 69].tolist()
    cropped, moved = copies(np.random.default_rng(0))["a tenth cropped away"](picture, marks)
    x, y = (marks - moved)[0].astype(int)
    assert (54, 74) == cropped.shape[:2]
    assert picture[20, 10].tolist() == cropped[20 - y, 10 - x].tolist()


def test_a_mirrored_copy_counts_as_near():
    face = draw_face(0, 0, 128)
    marks = face.landmarks["ibug68"]
    own, turned = as_hash(face.image, marks)[None], as_hash(*mirrored(face.image, marks))[None]
    assert nearer(turned, own)[0, 0] <= 8


def test_it_prints_a_line_for_each_copy_and_the_nearest_strangers(tmp_path: Path, capsys: pytest.CaptureFixture):
    draw_folder(tmp_path / "drawn", 6, seed=0, size=128, workers=1)
    main(tmp_path / "drawn", num_faces=6)
    said = capsys.readouterr().out
    assert list(copies(np.random.default_rng(0))) == re.findall(r"^\| its copy, (.*?) \| 6 \|", said, re.M)
    # Two in a row are of one person: 15 pairs less 3.
    assert "12 pairs of different subjects" in said
    assert re.search(r"^\* \d+ bits: 00000\d and 00000\d$", said, re.M)
