"""Predict on files and folders: every picture in the table or named with its reason, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from components import images
from components.calibration import ExpectedError
from components.datasets import DATASETS
from pipelines.serving.model import Model, load
from pipelines.serving.predict import main
from pipelines.serving.tables import rows


def table(out: Path) -> list[dict[str, str]]:
    with (out / "landmarks.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def landmarks(row: dict[str, str]) -> np.ndarray:
    names = [name.removesuffix("_x") for name in row if name.endswith("_x")]
    return np.array([[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in names])


def test_the_table_holds_what_the_model_finds_and_the_drawings_lie_beside_it(photos, drawn, model_folder, tmp_path):
    out = tmp_path / "out"
    main([photos], str(model_folder), out, whole=True)
    rows = table(out)
    assert ["photos/one.png", "photos/sub/two.jpg"] == [row["image"] for row in rows]
    assert ("0", "-0.5", "127.5") == (rows[0]["face"], rows[0]["x0"], rows[0]["y1"])
    expected = load(model_folder).find(drawn[0])
    np.testing.assert_allclose(expected.landmarks[0], landmarks(rows[0]), atol=6e-4)  # 3 decimals
    assert f"{expected.confidence.mean():.4f}" == rows[0]["confidence"]
    assert ["landmarks.csv", "photos/one.png", "photos/sub/two.jpg", "summary.json"] == sorted(
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
    main([photos], str(model_folder), tmp_path / "out", whole=True)
    assert ["photos/one.png", "photos/sub/two.jpg"] == [row["image"] for row in table(tmp_path / "out")]
    said = capsys.readouterr().out
    assert "left out: photos/bad\\x1b[2J.jpg: unreadable or truncated image" in said
    assert "left out: photos/cut.jpg: unreadable or truncated image" in said
    assert "faces/s" in said


def test_a_picture_that_is_to_be_turned_is_taken_as_stored_and_named(photos, drawn, model_folder, tmp_path, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6  # EXIF 2.3, tag Orientation: turn by 90 degrees
    Image.fromarray(drawn[0]).save(photos / "one.png", exif=exif)
    main([photos], str(model_folder), tmp_path / "out", whole=True)
    assert "1 pictures are to be turned, by their EXIF data" in capsys.readouterr().out
    expected = load(model_folder).find(drawn[0]).landmarks[0]
    np.testing.assert_allclose(expected, landmarks(table(tmp_path / "out")[0]), atol=6e-4)


def test_a_name_that_is_not_utf_8_comes_out_as_the_same_bytes(photos, model_folder, tmp_path):
    (photos / "one.png").rename(photos / b"caf\xe9.png".decode(errors="surrogateescape"))
    main([photos], str(model_folder), tmp_path / "out", whole=True)
    assert b"photos/caf\xe9.png" in (tmp_path / "out/landmarks.csv").read_bytes()


def test_without_one_picture_that_can_be_read_there_is_no_output(photos, model_folder, tmp_path, capsys):
    for path in (photos / "one.png", photos / "sub/two.jpg"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="nothing was found: none of 2 pictures could be used"):
        main([photos], str(model_folder), tmp_path / "out", whole=True)
    assert 2 == capsys.readouterr().out.count("left out")
    assert ["photos"] == [path.name for path in tmp_path.iterdir()]


def test_an_earlier_output_is_replaced_only_when_asked_and_then_whole(photos, model_folder, tmp_path):
    out = tmp_path / "out"
    main([photos], str(model_folder), out, whole=True)
    with pytest.raises(ValueError, match="is there already: name another folder, or replace it by --overwrite"):
        main([photos / "one.png"], str(model_folder), out, whole=True)
    assert 2 == len(table(out))
    main([photos / "one.png"], str(model_folder), out, whole=True, overwrite=True)
    assert {"landmarks.csv", "one.png", "summary.json"} == {path.name for path in out.iterdir()}


def test_a_folder_that_is_somebody_elses_is_never_replaced(photos, model_folder, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "summary.json").write_text("my own\n")
    with pytest.raises(ValueError, match="holds something else than an earlier output"):
        main([photos], str(model_folder), out, whole=True, overwrite=True)
    assert "my own\n" == (out / "summary.json").read_text()


def test_an_output_in_an_input_folder_or_around_one_is_refused(photos, model_folder, tmp_path):
    for out in (photos, photos / "out", tmp_path, model_folder):
        with pytest.raises(ValueError, match="lie one in the other"):
            main([photos], str(model_folder), out, whole=True, overwrite=True)
    assert ["one.png", "sub"] == sorted(path.name for path in photos.iterdir())


def test_one_of_three_ways_says_where_the_faces_are(photos, model_folder, tmp_path):
    for ways in ({}, {"whole": True, "detector": tmp_path / "yunet.onnx"}):
        with pytest.raises(ValueError, match=r"one of three ways: --boxes FILE .*, --whole .*, or --detector FILE"):
            main([photos], str(model_folder), tmp_path / "out", **ways)
    assert ["photos"] == [path.name for path in tmp_path.iterdir()]


def test_the_summary_says_how_faces_were_found_and_what_was_left_out(photos, model_folder, tmp_path):
    (photos / "bad.jpg").write_bytes(b"")
    main([photos], str(model_folder), tmp_path / "out", whole=True, passes=2)
    said = json.loads((tmp_path / "out/summary.json").read_text())
    assert [["photos/bad.jpg", "unreadable or truncated image: no known picture format"]] == said["left_out"]
    assert (2, 2, 2, load(model_folder).identity) == tuple(
        said[name] for name in ("pictures", "faces", "passes", "model")
    )


def test_a_face_below_the_least_confidence_is_left_out(photos, model_folder, tmp_path, capsys):
    both = [photos / "one.png", photos / "sub/two.jpg"]
    sure = sorted(load(model_folder).find(both).confidence.mean(axis=1))
    main([photos], str(model_folder), tmp_path / "out", whole=True, min_confidence=float(sum(sure) / 2))
    (row,) = table(tmp_path / "out")
    assert f"{sure[1]:.4f}" == row["confidence"]
    said = capsys.readouterr().out
    assert f"a face's confidence {sure[0]:.4f} is below {sum(sure) / 2:g}" in said
    # What is left out is not drawn either.
    assert 2 == len([path for path in (tmp_path / "out").rglob("*") if path.suffix in (".csv", ".png", ".jpg")])


def test_a_picture_may_come_on_standard_input(photos, drawn, model_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((photos / "one.png").read_bytes())))
    main([Path("-")], str(model_folder), tmp_path / "out", whole=True)
    (row,) = table(tmp_path / "out")
    assert "stdin" == row["image"]
    np.testing.assert_allclose(load(model_folder).find(drawn[0]).landmarks[0], landmarks(row), atol=6e-4)
    assert drawn[0].shape == images.read(tmp_path / "out", "stdin.png").shape


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "pts"])
def test_every_format_says_the_same(form, photos, model_folder, tmp_path):
    out = tmp_path / "out"
    main([photos], str(model_folder), out, whole=True, form=form, pictures=False)
    read = {
        "csv": lambda: [landmarks(row) for row in table(out)],
        "jsonl": lambda: [json.loads(line)["landmarks"] for line in (out / "landmarks.jsonl").read_text().splitlines()],
        "parquet": lambda: np.reshape(
            pq.read_table(out / "landmarks.parquet").column("landmarks").to_pylist(), (2, 68, 2)
        ),
        # By hand: after three lines, and counted from 1.
        "pts": lambda: [
            np.loadtxt(out / f"photos/{name}.pts", skiprows=3, max_rows=68) - 1 for name in ("one", "sub/two")
        ],
    }
    expected = load(model_folder).find([photos / "one.png", photos / "sub/two.jpg"]).landmarks
    np.testing.assert_allclose(expected, np.stack(read[form]()), atol=6e-4)
    assert [] == [path for path in out.rglob("*") if path.suffix in (".png", ".jpg")]


def test_every_table_says_what_error_is_to_be_expected_where_the_model_knows(photos, network, tmp_path):
    known = ExpectedError("inter_ocular", (0.0, 1.0), (8.0, 2.0), (1.0,) * 68, 5.0, 0.0)
    model = tmp_path / "model"
    model.mkdir()
    network.under(replace(network.config, expected_error=known)).save(model)
    for form in ("csv", "jsonl", "parquet"):
        main([photos / "one.png"], str(model), tmp_path / form, whole=True, form=form)
    # The curve by hand: from 8 to 2, along the confidence.
    each = 8 - 6 * load(model).find(photos / "one.png").confidence[0]
    assert f"{each.mean():.3f}" == f"{float(table(tmp_path / 'csv')[0]['expected_error']):.3f}"
    told = json.loads((tmp_path / "jsonl/landmarks.jsonl").read_text())
    np.testing.assert_allclose(each, told["expected_errors"], atol=2e-3)
    (row,) = pq.read_table(tmp_path / "parquet/landmarks.parquet").to_pylist()
    np.testing.assert_allclose([each.mean(), *each], [row["expected_error"], *row["expected_errors"]], atol=2e-3)


def test_every_table_says_which_landmarks_are_visible_where_the_model_knows(photos, seeing, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    seeing.save(model)
    for form in ("csv", "jsonl", "parquet", "pts"):
        main([photos / "one.png"], str(model), tmp_path / form, whole=True, form=form)
    each = load(model).find(photos / "one.png").visible[0]
    assert f"{each.mean():.4f}" == f"{float(table(tmp_path / 'csv')[0]['visible_share']):.4f}"
    told = json.loads((tmp_path / "jsonl/landmarks.jsonl").read_text())
    np.testing.assert_allclose([each.mean(), *each], [told["visible_share"], *told["visible"]], atol=1e-4)
    (row,) = pq.read_table(tmp_path / "parquet/landmarks.parquet").to_pylist()
    np.testing.assert_allclose([each.mean(), *each], [row["visible_share"], *row["visible"]], atol=1e-4)


def test_a_journal_from_before_visibility_is_a_table_without_it(tmp_path):
    face = {"box": [0, 0, 9, 9], "confidence": [0.5], "expected_error": None, "landmarks": [[1.0, 2.0]]}
    (row,) = rows([{"image": "a.jpg", "faces": [face], "left_out": [], "turned": False}])
    assert (None, None) == (row["visible"], row["visible_share"])


def test_a_model_that_does_not_know_leaves_that_blank(photos, model_folder, tmp_path):
    for form in ("csv", "jsonl", "parquet"):
        main([photos / "one.png"], str(model_folder), tmp_path / form, whole=True, form=form)
    told = json.loads((tmp_path / "jsonl/landmarks.jsonl").read_text())
    (row,) = pq.read_table(tmp_path / "parquet/landmarks.parquet").to_pylist()
    said = [
        *(table(tmp_path / "csv")[0][name] for name in ("expected_error", "visible_share")),
        *(of[name] for of in (told, row) for name in ("expected_error", "expected_errors", "visible_share", "visible")),
    ]
    assert [*[""] * 2, *[None] * 8] == said


def test_pts_files_are_what_the_reader_of_300w_reads(photos, drawn, model_folder, tmp_path):
    """afw/ is a part of 300-W's own layout, in which a picture lies beside its landmarks."""
    main([photos / "one.png"], str(model_folder), tmp_path / "data/afw", whole=True, form="pts")
    (found,) = DATASETS["300w"].read(tmp_path / "data")
    np.testing.assert_allclose(load(model_folder).find(drawn[0]).landmarks[0], found.landmarks, atol=6e-4)


def test_two_pictures_that_would_have_one_pts_file_are_refused_before_any_is_read(photos, model_folder, tmp_path):
    (photos / "one.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"photos/one\.jpg and photos/one\.png would have the same \.pts file"):
        main([photos], str(model_folder), tmp_path / "out", whole=True, form="pts")
    (photos / "one.jpg").rename(photos / "one.face0.jpg")  # as the first of two faces of one.png would be called
    with pytest.raises(ValueError, match=r"would have the same \.pts file"):
        main([photos], str(model_folder), tmp_path / "out", whole=True, form="pts")


def test_a_format_that_is_none_and_a_model_that_takes_one_look_only_are_refused(
    photos, model_folder, network, tmp_path
):
    with pytest.raises(ValueError, match="unknown format 'xml'; known: csv, jsonl, parquet, pts"):
        main([photos], str(model_folder), tmp_path / "out", whole=True, form="xml")
    with pytest.raises(ValueError, match="expected at least one pass, got 0"):
        main([photos], str(model_folder), tmp_path / "out", whole=True, passes=0)
    assert ["photos"] == [path.name for path in tmp_path.iterdir()]


# Odd input: one sentence each, or landmarks.


def test_ten_faces_of_one_picture_are_ten_rows(photos, model_folder, tmp_path):
    rows = "".join(f"one.png,{side},{side},{side + 60},{side + 50}\n" for side in range(10))
    (tmp_path / "boxes.csv").write_text("image,x0,y0,x1,y1\n" + rows)
    main([photos / "one.png"], str(model_folder), tmp_path / "out", boxes=tmp_path / "boxes.csv")
    assert list(range(10)) == [int(row["face"]) for row in table(tmp_path / "out")]


def test_damaged_exif_data_say_nothing_of_turning(photos, model_folder, tmp_path, capsys):
    for name in ("png", "webp"):
        Image.open(photos / "one.png").save(photos / f"damaged.{name}", exif=b"Exif\0\0not a TIFF file at all")
    main([photos / "damaged.png", photos / "damaged.webp"], str(model_folder), tmp_path / "out", whole=True)
    assert 2 == len(table(tmp_path / "out"))
    assert "to be turned" not in capsys.readouterr().out


@pytest.mark.parametrize("confidence", [-0.1, 50.0, float("nan")])
def test_a_least_confidence_that_is_no_share_is_refused_at_once(confidence, photos, model_folder, tmp_path):
    with pytest.raises(ValueError, match="--min-confidence"):
        main([photos], str(model_folder), tmp_path / "out", whole=True, min_confidence=confidence)


def test_a_picture_of_one_pixel_has_landmarks_like_any_other(photos, model_folder, tmp_path):
    Image.new("RGB", (1, 1)).save(photos / "dot.png")
    main([photos / "dot.png"], str(model_folder), tmp_path / "out", whole=True, passes=2)
    (row,) = table(tmp_path / "out")
    assert np.isfinite(landmarks(row)).all()


def test_a_bomb_is_left_out_by_what_its_header_declares(photos, model_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HEATMARK_MAX_PIXELS", "20000")
    Image.new("1", (200, 200)).save(photos / "bomb.png")
    main([photos], str(model_folder), tmp_path / "out", whole=True)
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "bomb.png" in line]
    assert said.startswith(
        "predict: left out: photos/bomb.png: a picture of 200 x 200 pixels is over the limit of 20,000"
    )


def test_a_model_of_a_later_version_is_refused_before_anything_is_written(photos, model_folder, tmp_path):
    later = tmp_path / "later"
    shutil.copytree(model_folder, later)
    fields = json.loads((later / "model.json").read_text())
    (later / "model.json").write_text(json.dumps({**fields, "format": 99}))
    with pytest.raises(ValueError, match="model format 99; this code reads formats 1"):
        main([photos], str(later), tmp_path / "out", whole=True)
    assert ["later", "photos"] == sorted(path.name for path in tmp_path.iterdir())


# Work that is cut short.


@pytest.fixture
def many(photos: Path) -> Path:
    """The first drawn face 200 times, and a bad one."""
    for number in range(200):
        (photos / f"{number:03d}.png").write_bytes((photos / "one.png").read_bytes())
    (photos / "bad.png").write_bytes(b"")
    return photos


def cut_short(pictures: Path, model: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Starts to predict, and stops it when some are done."""
    words = ["predict", str(pictures), "--model", str(model), "--out", str(out), "--whole"]
    work = subprocess.Popen(
        [sys.executable, "-m", "heatmark", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    journal = out.with_name(".out.partial") / "journal.jsonl"
    while not journal.exists() or len(journal.read_text().splitlines()) < 33:  # one batch is done
        assert work.poll() is None, work.communicate()
        time.sleep(0.01)
    work.send_signal(signal.SIGTERM)
    said, failed = work.communicate(timeout=60)
    return subprocess.CompletedProcess(words, work.returncode, said, failed)


def test_work_that_was_stopped_goes_on_and_comes_to_the_same_as_if_it_had_not(many, model_folder, tmp_path, capsys):
    out, whole_out = tmp_path / "out", tmp_path / "whole"
    stopped = cut_short(many, model_folder, out)
    assert (130, "heatmark: stopped\n") == (stopped.returncode, stopped.stderr)
    assert "of 203 pictures are done; the same command with --resume goes on from there" in stopped.stdout
    assert not out.exists()
    with pytest.raises(ValueError, match="was cut short: go on with it by --resume, or begin anew by --overwrite"):
        main([many], str(model_folder), out, whole=True)
    with pytest.raises(ValueError, match="was begun in another way, with other passes: go on in the way it was begun"):
        main([many], str(model_folder), out, whole=True, passes=2, resume=True)
    capsys.readouterr()
    main([many], str(model_folder), out, whole=True, resume=True)
    done = int(capsys.readouterr().out.partition(" of 203 pictures are done already")[0].split()[-1])
    assert 32 <= done < 203
    main([many], str(model_folder), whole_out, whole=True)
    assert (whole_out / "landmarks.csv").read_bytes() == (out / "landmarks.csv").read_bytes()
    assert (whole_out / "summary.json").read_bytes() == (out / "summary.json").read_bytes()
    assert sorted(path.name for path in whole_out.rglob("*")) == sorted(path.name for path in out.rglob("*"))
    assert ["out", "photos", "whole"] == sorted(path.name for path in tmp_path.iterdir())


def test_work_that_an_error_ended_goes_on_too(many, model_folder, tmp_path, capsys, monkeypatch):
    """As a worker of Ray that died again and again ends it: in a ValueError, after some pictures are done."""
    real, calls = Model.find, []

    def failing(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise ValueError("a worker process died")
        return real(self, *args)

    monkeypatch.setattr(Model, "find", failing)
    with pytest.raises(ValueError, match="a worker process died"):
        main([many], str(model_folder), tmp_path / "out", whole=True)
    assert "predict: 64 of 203 pictures are done; the same command with --resume goes on" in capsys.readouterr().out
    main([many], str(model_folder), tmp_path / "out", whole=True, resume=True)
    assert "predict: 64 of 203 pictures are done already" in capsys.readouterr().out
    assert 202 == len(table(tmp_path / "out"))


def test_work_on_other_pictures_of_the_same_names_does_not_go_on(many, model_folder, tmp_path):
    cut_short(many, model_folder, tmp_path / "out")
    (many / "007.png").write_bytes((many / "sub/two.jpg").read_bytes())
    with pytest.raises(ValueError, match="was begun in another way, with other inputs: "):
        main([many], str(model_folder), tmp_path / "out", whole=True, resume=True)


def test_half_a_line_of_the_journal_is_done_again(photos, model_folder, tmp_path):
    out = tmp_path / "out"
    partial = tmp_path / ".out.partial"
    main([photos], str(model_folder), out, whole=True)
    partial.mkdir()
    how = {
        name: json.loads((out / "summary.json").read_text())[name]
        for name in ("model", "inputs", "where", "format", "passes", "min_confidence", "drawn")
    }
    (partial / "journal.jsonl").write_text(json.dumps(how) + '\n{"image": "photos/one.p')
    expected = (out / "landmarks.csv").read_bytes()
    main([photos], str(model_folder), tmp_path / "out", whole=True, resume=True, overwrite=True)
    assert expected == (out / "landmarks.csv").read_bytes()


def test_two_at_once_into_one_folder_are_refused(photos, model_folder, tmp_path):
    partial = tmp_path / ".out.partial"
    partial.mkdir()
    with subprocess.Popen(["flock", str(partial), "sleep", "60"]) as other:
        while subprocess.run(["flock", "--nonblock", str(partial), "true"], check=False).returncode == 0:
            time.sleep(0.01)
        with pytest.raises(ValueError, match="another process is writing"):
            main([photos], str(model_folder), tmp_path / "out", whole=True, overwrite=True)
        other.kill()
