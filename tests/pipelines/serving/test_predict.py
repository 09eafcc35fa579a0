"""Predict on files and folders: every picture in the table or named with its reason, whole or not at all."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components import images
from pipelines.serving.model import load
from pipelines.serving.predict import main


def table(out: Path) -> list[dict[str, str]]:
    with (out / "landmarks.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def landmarks(row: dict[str, str]) -> np.ndarray:
    names = [name.removesuffix("_x") for name in row if name.endswith("_x")]
    return np.array([[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in names])


def test_the_table_holds_what_the_model_finds_and_the_drawings_lie_beside_it(photos, drawn, model_folder, tmp_path):
    out = tmp_path / "out"
    main([photos], str(model_folder), out)
    rows = table(out)
    assert ["photos/one.png", "photos/sub/two.jpg"] == [row["image"] for row in rows]
    assert ("0", "-0.5", "127.5") == (rows[0]["face"], rows[0]["x0"], rows[0]["y1"])
    expected = load(model_folder).find(drawn[0])
    np.testing.assert_allclose(expected.landmarks[0], landmarks(rows[0]), atol=6e-4)  # 3 decimals
    assert f"{expected.confidence.mean():.4f}" == rows[0]["confidence"]
    assert ["landmarks.csv", "photos/one.png", "photos/sub/two.jpg"] == sorted(
        path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()
    )
    assert drawn[1].shape == images.read(out, "photos/sub/two.jpg").shape


def test_with_boxes_each_row_is_a_face(photos, model_folder, tmp_path, capsys):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("image,x0,y0,x1,y1\none.png,10,10,90,90\none.png,20,20,100.25,100\none.png,500,500,600,600\n")
    main([photos], str(model_folder), tmp_path / "out", boxes)
    rows = table(tmp_path / "out")
    assert [("photos/one.png", "0", "10.0"), ("photos/one.png", "1", "20.0")] == [
        (row["image"], row["face"], row["x0"]) for row in rows
    ]
    assert "100.25" == rows[1]["x1"]
    said = capsys.readouterr().out
    assert "left out: photos/one.png: box 500 500 600 600 lies outside the picture of 128 x 128 px" in said
    assert "left out: photos/sub/two.jpg: it has no box" in said
    assert "predict: 2 faces on 1 pictures, " in said


def test_a_bad_picture_costs_no_neighbour(photos, model_folder, tmp_path, capsys):
    (photos / "bad\x1b[2J.jpg").write_bytes(b"not a picture")
    whole = (photos / "sub/two.jpg").read_bytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    main([photos], str(model_folder), tmp_path / "out")
    assert ["photos/one.png", "photos/sub/two.jpg"] == [row["image"] for row in table(tmp_path / "out")]
    said = capsys.readouterr().out
    assert "left out: photos/bad\\x1b[2J.jpg: unreadable or truncated image" in said
    assert "left out: photos/cut.jpg: unreadable or truncated image" in said
    assert "faces/s" in said


def test_a_picture_that_is_to_be_turned_is_taken_as_stored_and_named(photos, drawn, model_folder, tmp_path, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6  # EXIF 2.3, tag Orientation: turn by 90 degrees
    Image.fromarray(drawn[0]).save(photos / "one.png", exif=exif)
    main([photos], str(model_folder), tmp_path / "out")
    assert "1 pictures are to be turned, by their EXIF data" in capsys.readouterr().out
    expected = load(model_folder).find(drawn[0]).landmarks[0]
    np.testing.assert_allclose(expected, landmarks(table(tmp_path / "out")[0]), atol=6e-4)


def test_a_name_that_is_not_utf_8_comes_out_as_the_same_bytes(photos, model_folder, tmp_path):
    (photos / "one.png").rename(photos / b"caf\xe9.png".decode(errors="surrogateescape"))
    main([photos], str(model_folder), tmp_path / "out")
    assert b"photos/caf\xe9.png" in (tmp_path / "out/landmarks.csv").read_bytes()


def test_without_one_picture_that_can_be_read_there_is_no_output(photos, model_folder, tmp_path, capsys):
    for path in (photos / "one.png", photos / "sub/two.jpg"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="nothing was found: none of 2 pictures could be used"):
        main([photos], str(model_folder), tmp_path / "out")
    assert 2 == capsys.readouterr().out.count("left out")
    assert ["photos"] == [path.name for path in tmp_path.iterdir()]


def test_an_earlier_output_is_replaced_only_when_asked_and_then_whole(photos, model_folder, tmp_path):
    out = tmp_path / "out"
    main([photos], str(model_folder), out)
    with pytest.raises(ValueError, match="is there already: name another folder, or replace it by --overwrite"):
        main([photos / "one.png"], str(model_folder), out)
    assert 2 == len(table(out))
    main([photos / "one.png"], str(model_folder), out, overwrite=True)
    assert {"landmarks.csv", "one.png"} == {path.name for path in out.iterdir()}


def test_a_folder_that_is_somebody_elses_is_never_replaced(photos, model_folder, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "landmarks.csv").write_text("my own\n")
    with pytest.raises(ValueError, match="holds something else than an earlier output"):
        main([photos], str(model_folder), out, overwrite=True)
    assert "my own\n" == (out / "landmarks.csv").read_text()


def test_an_output_in_an_input_folder_or_around_one_is_refused(photos, model_folder, tmp_path):
    for out in (photos, photos / "out", tmp_path, model_folder):
        with pytest.raises(ValueError, match="lie one in the other"):
            main([photos], str(model_folder), out, overwrite=True)
    assert ["one.png", "sub"] == sorted(path.name for path in photos.iterdir())
