"""Predicting on Ray: what comes out is what comes out of one process."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.serving.predict import main

HOW = ("model", "inputs", "where", "format", "passes", "min_confidence", "drawn")
pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture
def boxes(photos):
    """Of 20 pictures a box each, of one two, of one none."""
    rows = ["one.png,1,2,100,90", "one.png,5,5,120,120"]
    for number in range(20):
        (photos / f"{number:02d}.png").write_bytes((photos / "one.png").read_bytes())
        rows.append(f"{number:02d}.png,{number},2,100,90")
    (photos / "bad.png").write_bytes(b"")
    path = photos.parent / "boxes.csv"
    path.write_text("\n".join(["image,x0,y0,x1,y1", *rows, "bad.png,0,0,1,1"]) + "\n")
    return path


def test_table_pictures_and_summary_are_those_of_one_process(photos, boxes, model_folder, tmp_path):
    alone, spread = tmp_path / "alone", tmp_path / "spread"
    for out, ray in ((alone, False), (spread, True)):
        main([photos], str(model_folder), out, boxes=boxes, passes=2, ray=ray)
    files = sorted(path.relative_to(alone) for path in alone.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(spread) for path in spread.rglob("*") if path.is_file())
    # 22 faces, of which one picture has two; and table and summary.
    assert 21 + 2 == len(files)
    assert (alone / "summary.json").read_bytes() == (spread / "summary.json").read_bytes()
    names, numbers = zip(*(table(out / "landmarks.csv") for out in (alone, spread)), strict=True)
    assert names[0] == names[1]
    # Batches are cut in another way, which rounding sees: 3 decimals.
    np.testing.assert_allclose(*numbers, atol=2e-3)


def table(path: Path) -> tuple[list[list[str]], np.ndarray]:
    """Of each row: picture and number of the face; box, confidence and landmarks."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    # Before the landmarks stand the expected error and the visible share: this model knows neither.
    return [row[:2] for row in rows], np.array([row[2:7] + row[9:] for row in rows], float)


def test_what_was_done_before_is_not_done_again(photos, boxes, model_folder, tmp_path, capsys):
    out, partial = tmp_path / "out", tmp_path / ".out.partial"
    main([photos], str(model_folder), out, boxes=boxes)
    how = {name: json.loads((out / "summary.json").read_text())[name] for name in HOW}  # fmt: skip
    partial.mkdir()
    done = [
        {"image": f"photos/{number:02d}.png", "faces": [], "left_out": ["told"], "turned": False}
        for number in range(20)
    ]
    (partial / "journal.jsonl").write_text("\n".join(map(json.dumps, [how, *done])) + "\n")
    capsys.readouterr()
    main([photos], str(model_folder), out, boxes=boxes, ray=True, resume=True, overwrite=True)
    said = capsys.readouterr().out
    assert "predict: 20 of 23 pictures are done already" in said
    assert "predict: 2 faces on 1 pictures: " in said
