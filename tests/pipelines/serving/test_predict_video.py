"""Predict on a video: a row a face and frame, a video as long as the input, whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from components.model import LandmarkModel
from heatmark.cli import app
from pipelines.serving.model import load
from pipelines.serving.predict import main
from pipelines.serving.predict_video import drawing
from pipelines.serving.tracking import find_in_video
from pipelines.serving.video import Video
from pipelines.serving.video_writer import whole_video

FRAMES = 5
README = Path(__file__).parents[3] / "README.md"


@pytest.fixture
def clip(drawn: list[np.ndarray], tmp_path: Path) -> Path:
    """clip.mp4, a drawn face of 128 px that moves by 2 px a frame, and clip.csv with two boxes."""
    with whole_video(tmp_path / "clip.mp4", 25, 128, 128) as add:
        for number in range(FRAMES):
            add(np.roll(drawn[0], 2 * number, axis=1))
    (tmp_path / "clip.csv").write_text("image,x0,y0,x1,y1\nclip.mp4,30,30,90,100\nclip.mp4,20,20,100,110\n")
    return tmp_path / "clip.mp4"


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "landmarks.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("smooth", [False, True])
def test_the_table_holds_what_was_followed_and_the_drawn_video_is_as_long(smooth, clip, model_folder, tmp_path, capsys):
    out = tmp_path / "out"
    main([clip], str(model_folder), out, clip.with_suffix(".csv"), smooth=smooth)
    table = rows(out)
    assert ["image", "frame", "face", "x0"] == list(table[0])[:4]
    expected = [(str(frame), str(face)) for frame in range(FRAMES) for face in (0, 1)]
    assert [("clip.mp4", *keys) for keys in expected] == [(row["image"], row["frame"], row["face"]) for row in table]
    boxes = np.array([[30, 30, 90, 100], [20, 20, 100, 110]])
    (*_, last) = find_in_video(load(model_folder), Video(clip), boxes, smooth)
    found = np.array([[float(value) for value in list(row.values())[10:]] for row in table[-2:]])
    np.testing.assert_allclose(last.faces.landmarks.reshape(2, -1), found, atol=6e-4)  # 3 decimals
    drawn_video = Video(out / "clip.mp4")
    assert (FRAMES, 128, 128, 25.0) == (
        len(list(drawn_video.frames())),
        drawn_video.height,
        drawn_video.width,
        drawn_video.fps,
    )
    summary = json.loads((out / "summary.json").read_text())
    assert ({"0": FRAMES, "1": FRAMES}, FRAMES, smooth) == (
        summary["frames_of_each_face"],
        summary["frames"],
        summary["smooth"],
    )
    assert f"predict: 2 faces, 10 times on {FRAMES} frames" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_other_tables_name_the_frame_too(form, clip, model_folder, tmp_path):
    main([clip], str(model_folder), tmp_path / "out", whole=True, form=form, pictures=False)
    assert [f"landmarks.{form}", "summary.json"] == sorted(path.name for path in (tmp_path / "out").iterdir())
    path = tmp_path / "out" / f"landmarks.{form}"
    table = pq.read_table(path).to_pylist() if form == "parquet" else map(json.loads, path.read_text().splitlines())
    assert [(n, 0) for n in range(FRAMES)] == [(row["frame"], row["face"]) for row in table]


def test_a_video_that_is_cut_off_is_said_to_be(clip, drawn, model_folder, tmp_path, capsys):
    with whole_video(tmp_path / "whole.avi", 25, 128, 128) as add:
        for _ in range(10):
            add(drawn[0])
    data = (tmp_path / "whole.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: int(0.8 * len(data))])
    main([tmp_path / "cut.avi"], str(model_folder), tmp_path / "out", whole=True)
    read = json.loads((tmp_path / "out/summary.json").read_text())["frames"]
    assert 0 < read < 10
    assert f"the video's header says 10 frames, and {read} could be read: it may be cut off" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"passes": 2}, "it takes no --passes and no --ray"),
        ({"ray": True}, "it takes no --passes and no --ray"),
        ({"form": "pts"}, r"a \.pts file is of a picture"),
        ({"min_confidence": 1.0}, r"nothing was found on clip\.mp4: no face is sure enough in any frame"),
    ],
)
def test_what_a_video_does_not_take_is_one_sentence_and_nothing_is_written(
    options, sentence, clip, model_folder, tmp_path
):
    with pytest.raises(ValueError, match=sentence):
        main([clip], str(model_folder), tmp_path / "out", whole=True, **options)
    assert ["clip.csv", "clip.mp4"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_video_comes_alone_and_smoothing_is_for_videos(clip, photos, model_folder, tmp_path):
    with pytest.raises(ValueError, match="a video is followed alone: name it without other inputs"):
        main([clip, photos], str(model_folder), tmp_path / "out", whole=True)
    with pytest.raises(ValueError, match="--smooth is over time: it is for a video"):
        main([photos], str(model_folder), tmp_path / "out", whole=True, smooth=True)


def test_a_box_outside_the_first_frame_is_one_sentence(clip, model_folder, tmp_path):
    clip.with_suffix(".csv").write_text("image,x0,y0,x1,y1\nclip.mp4,500,30,600,100\n")
    with pytest.raises(ValueError, match="box 500 30 600 100 lies outside the picture of 128 x 128 px"):
        main([clip], str(model_folder), tmp_path / "out", clip.with_suffix(".csv"))
    assert not (tmp_path / "out").exists()


def test_a_kind_of_video_that_is_not_written_here_is_drawn_as_another():
    assert ["a.mp4", "b.AVI", "c.webm.mp4"] == [drawing(name) for name in ("a.mp4", "b.AVI", "c.webm")]


def test_the_readmes_commands_draw_a_video_and_find_its_face(model_folder, tmp_path, monkeypatch):
    drawing_one, finding = re.findall(r"(?m)^\$ heatmark (draw --video .*|predict clip.*)$", README.read_text())
    monkeypatch.chdir(tmp_path)
    finding = finding.replace("models:/heatmark-demo@champion", str(model_folder))
    for line in (f"{drawing_one} --frames 2 --size 64 --workers 1", finding):
        result = CliRunner().invoke(app, shlex.split(line), catch_exceptions=False)
        assert 0 == result.exit_code, result.output
    assert ["clip.mp4", "landmarks.csv", "summary.json"] == sorted(path.name for path in Path("out-video").iterdir())
    assert 2 == len(rows(Path("out-video")))


def test_work_on_pictures_that_was_cut_short_is_not_lost_to_a_video(clip, model_folder, tmp_path):
    partial = tmp_path / ".out.partial"
    partial.mkdir()
    (partial / "journal.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match="was cut short: go on with it by --resume, or begin anew by --overwrite"):
        main([clip], str(model_folder), tmp_path / "out", whole=True)
    assert "{}\n" == (partial / "journal.jsonl").read_text()


def test_what_is_wrong_with_the_first_frame_is_said_with_the_videos_name(clip, model_folder, tmp_path):
    (tmp_path / "boxes.csv").write_text(f"image,x0,y0,x1,y1\n{clip},900,900,950,950\n")
    with pytest.raises(ValueError, match=r"clip\.mp4, first frame: box 900 900 950 950 lies outside the picture"):
        main([clip], str(model_folder), tmp_path / "out", tmp_path / "boxes.csv")
    assert not (tmp_path / "out").exists()


# Work that is cut short.

LONG = 200  # frames


@pytest.fixture
def long_clip(drawn: list[np.ndarray], tmp_path: Path) -> Path:
    """clip.mp4, in which the drawn face moves by a px a frame, and clip.csv with two boxes."""
    with whole_video(tmp_path / "clip.mp4", 25, 128, 128) as add:
        for number in range(LONG):
            add(np.roll(drawn[0], number % 16, axis=1))
    (tmp_path / "clip.csv").write_text("image,x0,y0,x1,y1\nclip.mp4,30,30,90,100\nclip.mp4,20,20,100,110\n")
    return tmp_path / "clip.mp4"


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_a_video_that_was_cut_short_goes_on_to_the_very_same_output_and_looks_at_no_frame_twice(
    long_clip, model_folder, tmp_path, capsys, monkeypatch
):
    out, journal = tmp_path / "out", tmp_path / ".out.partial/journal.jsonl"
    words = ["predict", str(long_clip), "--model", str(model_folder), "--out", str(out), "--smooth"]
    work = subprocess.Popen(
        [sys.executable, "-m", "heatmark", *words, "--boxes", str(long_clip.with_suffix(".csv"))],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(README.parent), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    while not journal.exists() or len(journal.read_text().splitlines()) < 60:
        assert work.poll() is None, work.communicate()
        time.sleep(0.01)
    work.send_signal(signal.SIGINT)
    said, failed = work.communicate(timeout=60)
    assert (130, "heatmark: stopped\n") == (work.returncode, failed)
    done = len(journal.read_text().splitlines()) - 1  # the first says how it was begun
    assert f"predict: {done} of {LONG} frames are done; the same command with --resume goes on from there\n" in said
    assert 59 <= done < LONG

    how = {"boxes": long_clip.with_suffix(".csv"), "smooth": True}
    with pytest.raises(ValueError, match="was cut short: go on with it by --resume, or begin anew by --overwrite"):
        main([long_clip], str(model_folder), out, **how)
    with pytest.raises(ValueError, match="was begun in another way, with other smooth: go on in the way it was begun"):
        main([long_clip], str(model_folder), out, **{**how, "smooth": False}, resume=True)

    stat = long_clip.stat()
    os.utime(long_clip, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with pytest.raises(ValueError, match="was begun in another way, with other inputs: "):
        main([long_clip], str(model_folder), out, **how, resume=True)
    os.utime(long_clip, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    real, looked = LandmarkModel.find, []

    def find(self, pictures, boxes):
        looked.append(pictures[0].tobytes())
        return real(self, pictures, boxes)

    monkeypatch.setattr(LandmarkModel, "find", find)
    capsys.readouterr()
    main([long_clip], str(model_folder), out, **how, resume=True)
    assert f"predict: {done} of {LONG} frames are done already\n" in capsys.readouterr().out
    # A frame may be looked at several times in a row.
    assert [pixels.tobytes() for pixels in Video(long_clip).frames()][done:] == [frame for frame, _ in groupby(looked)]
    main([long_clip], str(model_folder), tmp_path / "whole", **how)
    assert contents(tmp_path / "whole") == contents(out)
    assert ["clip.mp4", "landmarks.csv", "summary.json"] == sorted(contents(out))
    assert ["clip.csv", "clip.mp4", "out", "whole"] == sorted(path.name for path in tmp_path.iterdir())
