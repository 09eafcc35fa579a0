"""Drawing a video: the truth is the generator's own, the same for the same numbers, and all files are there or none."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from components.samples import Box
from pipelines import draw
from pipelines.draw_video import SCHEME_NAMES, draw_video, places
from pipelines.moving_face import FPS, moving_face
from pipelines.serving.boxes import read_boxes
from pipelines.serving.inputs import gather
from pipelines.serving.video import Video

FRAMES, SEED, SIZE = 4, 6, 64
FILES = ["clip.avi", "clip.boxes.csv", "clip.ibug68.jsonl", "clip.wflw98.jsonl"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "clip.avi"
    draw_video(path, FRAMES, SEED, SIZE, workers=1)
    return path


def test_the_truth_of_each_frame_is_the_generators(clip: Path):
    moving = moving_face(SEED, SIZE)
    for scheme in SCHEME_NAMES:
        lines = [json.loads(line) for line in places(clip)[scheme].read_text().splitlines()]
        assert [("clip.avi", n) for n in range(FRAMES)] == [(line["image"], line["frame"]) for line in lines]
        for line in (lines[0], lines[-1]):
            face = moving.frame(line["frame"])
            np.testing.assert_allclose(line["landmarks"], face.landmarks[scheme], atol=6e-5)  # 4 decimals
            assert face.visible[scheme].tolist() == line["visible"]


def test_the_video_shows_the_generators_frames(clip: Path):
    video, moving = Video(clip), moving_face(SEED, SIZE)
    read = list(video.frames())
    assert (FRAMES, SIZE, SIZE, FPS) == (len(read), video.height, video.width, video.fps)
    # A codec's loss; another frame of the same face is further away.
    apart = [np.abs(read[-1].astype(int) - moving.frame(n).image).mean() for n in (FRAMES - 1, 0)]
    assert apart[0] < 5 < apart[1]


def test_the_box_is_the_first_frames_as_predict_reads_it(clip: Path):
    first = json.loads(places(clip)["ibug68"].read_text().splitlines()[0])
    boxes = read_boxes(places(clip)["boxes"], gather([clip]))
    np.testing.assert_array_equal([Box.around(np.array(first["landmarks"]))], boxes["clip.avi"])
    with places(clip)["boxes"].open(newline="") as file:
        assert ["image", "x0", "y0", "x1", "y1"] == next(csv.reader(file))


def test_the_same_numbers_are_the_same_bytes_for_any_number_of_workers(clip: Path, tmp_path: Path):
    draw_video(tmp_path / "clip.avi", FRAMES, SEED, SIZE, workers=2)
    assert sorted(FILES) == sorted(path.name for path in tmp_path.iterdir())
    for name in FILES:
        assert (clip.parent / name).read_bytes() == (tmp_path / name).read_bytes()


def test_another_seed_is_another_person_who_moves_otherwise():
    one, other = (moving_face(seed, SIZE) for seed in (1, 2))
    assert one.scene.identity.shape != other.scene.identity.shape
    assert one.swings != other.swings


def test_what_lies_there_already_is_kept(clip: Path):
    before = {path.name: path.read_bytes() for path in clip.parent.iterdir()}
    with pytest.raises(ValueError, match=r"clip\.avi is there already: name another video, or remove it"):
        draw.main(video=clip, frames=1, size=SIZE)
    assert before == {path.name: path.read_bytes() for path in clip.parent.iterdir()}


def test_numbers_and_names_that_make_no_sense_are_one_sentence(tmp_path: Path):
    with pytest.raises(ValueError, match="--frames: expected 1 to 100000, got 0"):
        draw.main(video=tmp_path / "clip.mp4", frames=0)
    with pytest.raises(ValueError, match="expected a video's name that ends in"):
        draw.main(video=tmp_path / "clip.gif")
    with pytest.raises(ValueError, match="expected one of a FOLDER to draw into, --sheet PATH and --video PATH"):
        draw.main(folder=tmp_path / "faces", video=tmp_path / "clip.mp4")
    assert [] == list(tmp_path.iterdir())
