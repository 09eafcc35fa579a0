"""What was seen on frames is kept to the last bit: who goes on from it follows, loses and smooths the same faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.model import Found, LandmarkModel
from pipelines.serving.journal import Journal
from pipelines.serving.model import Model
from pipelines.serving.sights import ARRAYS, Sights
from pipelines.serving.tracking import Tracker

FRAMES = 60
BOXES = np.array([[20.0, 20.0, 50.0, 60.0], [60.0, 20.0, 90.0, 60.0]])


class Wanders:
    """Finds landmarks near the middle of each box; unsure of the left face on frames 15 to 24 and from 30.

    Attributes:
        looked_at: Numbers of frames, which are the value of their pixels.
    """

    def __init__(self, network: LandmarkModel) -> None:
        self.config = network.config
        self.looked_at: list[int] = []

    def find(self, images, boxes) -> Found:
        if not images:
            return Found(np.zeros((0, 68, 2), np.float32), *np.zeros((3, 0, 68), np.float32))
        number = int(images[0][0, 0, 0])
        self.looked_at.append(number)
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        rng = np.random.default_rng([number, *np.abs(boxes.view(np.int64)).ravel()])  # the same for the same boxes
        landmarks = (middles[:, None] + rng.uniform(-15, 15, (len(boxes), 68, 2))).astype(np.float32)
        gone = (middles[:, 0] < 55) & (15 <= number < 25 or number >= 30)
        sure = np.where(gone[:, None], 0.01, rng.uniform(0.8, 1, (len(boxes), 68))).astype(np.float32)
        return Found(landmarks, sure, np.full_like(sure, np.nan), sure / 2)


def followed(network: Wanders, journal: Path, numbers: range, boxes: np.ndarray = BOXES) -> list[tuple[object, ...]]:
    """Tracks, sentences and faces of the first frames, by the journal in a folder as far as it goes."""
    tracker = Tracker(Model(network), boxes, 25.0, smooth=True)
    sights = Sights(Journal(journal, {}), tracker.model, "clip.mp4")
    frames = (np.full((80, 120, 3), number, np.uint8) for number in numbers)
    taken = [tracker.take(number, sights.look(tracker, pixels)) for number, pixels in enumerate(frames)]
    return [
        (frame.tracks.tolist(), frame.news, *(getattr(frame.faces, name).tobytes() for name in ARRAYS))
        for frame in taken
    ]


# Before a face is lost, while it is, when it is back, and when it is given up.
@pytest.mark.parametrize("cut", [1, 10, 20, 27, 58])
def test_a_video_that_was_cut_anywhere_comes_to_the_same_as_one_that_was_not(cut, network, tmp_path):
    first, whole = Wanders(network), Wanders(network)
    for folder in ("cut", "whole"):
        (tmp_path / folder).mkdir()
    begun = followed(first, tmp_path / "cut", range(cut))
    again = Wanders(network)
    went_on = followed(again, tmp_path / "cut", range(FRAMES))
    expected = followed(whole, tmp_path / "whole", range(FRAMES))
    assert expected == went_on
    assert expected[:cut] == begun
    assert set(range(cut, FRAMES)) == set(again.looked_at)
    assert first.looked_at + again.looked_at == whole.looked_at
    # The left face is lost, found again, and lost for good.
    assert [[0, 1], [1], [0, 1], [1]] == [expected[number][0] for number in (14, 20, 26, 40)]
    assert ["face 0 is lost since frame 30, and was looked for in vain for 1 s"] == [
        sentence for _, news, *_ in expected for sentence in news
    ]


def test_frames_without_a_face_are_kept_too_and_half_a_line_is_seen_again(network, tmp_path):
    expected = followed(Wanders(network), tmp_path, range(FRAMES), BOXES[:1])
    assert [] == expected[-1][0]
    journal = tmp_path / "journal.jsonl"
    journal.write_text(journal.read_text()[:-5])
    again = Wanders(network)
    assert expected == followed(again, tmp_path, range(FRAMES), BOXES[:1])
    assert [] == again.looked_at  # nobody is looked for any more
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:21]) + lines[21][:50])  # the first line says how it was begun
    assert expected == followed(again, tmp_path, range(FRAMES), BOXES[:1])
    assert set(range(20, 56)) == set(again.looked_at)  # lost since 30, and given up 26 frames later
