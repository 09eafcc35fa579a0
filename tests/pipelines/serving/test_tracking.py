"""Tracking: a face is followed wherever it goes, found again where it can be, and given up in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from components.model import Found, LandmarkModel, ModelConfig
from components.samples import tight_boxes
from pipelines.moving_face import moving_face
from pipelines.serving.model import Model
from pipelines.serving.tracking import GIVEN_UP_AFTER_S, Tracker, find_in_video
from pipelines.serving.video import Video
from pipelines.serving.video_writer import whole_video

FPS = 25.0
SIDE = 20.0  # of the square face below, px
# Its landmarks: 68 points on the square's outline.
SQUARE = np.stack([np.cos(np.linspace(0, 6.2, 68)), np.sin(np.linspace(0, 6.2, 68))], -1)
SQUARE = SIDE / 2 * SQUARE / np.abs(SQUARE).max(axis=1, keepdims=True)


class Sees:
    """Finds a white square on black in its crop, which is `expand` times its box; sure by how much of it is there.

    Attributes:
        looks: How many boxes each call had.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.looks: list[int] = []

    def find(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> Found:
        self.looks.append(len(boxes))
        found = [self._one(image, box) for image, box in zip(images, boxes, strict=True)]
        landmarks = np.array([marks for marks, _ in found], np.float32).reshape(-1, 68, 2)
        sure = np.array([[sure] * 68 for _, sure in found], np.float32).reshape(-1, 68)
        return Found(landmarks, sure, *[np.full_like(sure, np.nan)] * 2)

    def _one(self, image: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, float]:
        middle = (box[:2] + box[2:]) / 2
        half = self.config.expand * (box[2:] - box[:2]).max() / 2
        y, x = np.nonzero(image[..., 0] > 128)
        inside = (np.abs(x - middle[0]) <= half) & (np.abs(y - middle[1]) <= half)
        if not inside.any():
            return SQUARE + middle, 0.05
        return SQUARE + np.array([x[inside].mean(), y[inside].mean()]), float(inside.sum() / (SIDE + 1) ** 2)


def picture(*middles: tuple[float, float]) -> np.ndarray:
    pixels = np.zeros((120, 240, 3), np.uint8)
    for x, y in middles:
        pixels[round(y - SIDE / 2) : round(y + SIDE / 2) + 1, round(x - SIDE / 2) : round(x + SIDE / 2) + 1] = 255
    return pixels


def box(x: float, y: float) -> list[float]:
    return [x - SIDE / 2, y - SIDE / 2, x + SIDE / 2, y + SIDE / 2]


@pytest.fixture
def sees(network: LandmarkModel) -> Sees:
    return Sees(network.config)


def test_a_face_is_followed_over_several_of_its_sides(sees: Sees):
    tracker = Tracker(Model(sees), np.array([box(30, 60)]), FPS)
    for number in range(50):
        frame = tracker.follow(number, picture((30 + 2 * number, 60)))
        assert [0] == frame.tracks.tolist()
    np.testing.assert_allclose(
        frame.faces.landmarks[0].mean(axis=0), SQUARE.mean(axis=0) + np.array([128, 60]), atol=1e-3
    )
    # It was looked for around where it was in the frame before.
    np.testing.assert_allclose(frame.faces.boxes[0], box(126, 60), atol=1e-3)


def test_all_faces_of_a_frame_go_through_the_network_together(sees: Sees):
    tracker = Tracker(Model(sees), np.array([box(30, 60), box(100, 60), box(200, 60)]), FPS)
    for number in range(4):
        tracker.follow(number, picture((30, 60), (100, 60), (200, 60)))
    assert [3, 3, 3, 3] == sees.looks


def test_a_face_that_jumps_is_looked_for_again_in_an_enlarged_box_and_alone(sees: Sees):
    tracker = Tracker(Model(sees), np.array([box(60, 60), box(200, 60)]), FPS)
    tracker.follow(0, picture((60, 60), (200, 60)))
    # After a jump by 17 px the face's columns are 67 to 87. The crop of 1.25 * 20 px around 60 holds those to 72, 6 of 21; the
    # enlarged one those to 78, whose middle is 72.5; and the crop around that those to 85, 19 of 21.
    frame = tracker.follow(1, picture((77, 60), (200, 60)))
    assert [2, 2, 1, 1] == sees.looks
    assert [0, 1] == frame.tracks.tolist()
    assert np.float32(19 / 21) == frame.faces.confidence[0, 0]


def test_a_lost_face_is_left_out_and_its_track_ends_in_a_sentence(sees: Sees):
    tracker = Tracker(Model(sees), np.array([box(60, 60), box(200, 60)]), FPS)
    for number in range(10):
        tracker.follow(number, picture((60, 60), (200, 60)))
    gone = [tracker.follow(number, picture((200, 60))) for number in range(10, 50)]
    assert {(1,)} == {tuple(frame.tracks.tolist()) for frame in gone}
    last = int(GIVEN_UP_AFTER_S * FPS)  # 25 frames in vain are borne, the next is one too many
    sentence = "face 0 is lost since frame 10, and was looked for in vain for 1 s"
    assert [(10 + last, (sentence,))] == [(frame.number, frame.news) for frame in gone if frame.news]
    assert 1 == sees.looks[-1]  # nothing is spent on it any more


def test_a_face_that_comes_back_within_a_second_goes_on(sees: Sees):
    tracker = Tracker(Model(sees), np.array([box(60, 60)]), FPS)
    seen = [tracker.follow(n, picture() if 5 <= n < 20 else picture((60, 60))).tracks.tolist() for n in range(30)]
    assert [[0]] * 5 + [[]] * 15 + [[0]] * 10 == seen


def test_a_face_that_leaves_the_picture_is_lost_and_hinders_nobody(sees: Sees):
    tracker = Tracker(Model(sees), np.array([box(200, 60), box(60, 60)]), FPS)
    tracks = [tracker.follow(n, picture((min(200 + 4 * n, 260), 60), (60, 60))).tracks.tolist() for n in range(20)]
    # At x = 236 less than 14 of 21 columns are in the picture, 0.67 of the face; at 240 half of it is, too little.
    assert [[0, 1]] * 10 + [[1]] * 10 == tracks


def test_a_model_whose_boxes_are_not_tight_gets_them_drawn_as_the_first_was(sees: Sees):
    model = Model(sees)
    model.box = "annotated"
    first = np.array([[45.0, 40.0, 75.0, 75.0]])  # 5 to 10 px more than the face at (60, 60)
    tracker = Tracker(model, first, FPS)
    for number in range(3):
        frame = tracker.follow(number, picture((60 + 3 * number, 60)))
    np.testing.assert_allclose(frame.faces.boxes, first + np.array([3, 0, 3, 0]), atol=1e-3)


def test_without_boxes_nothing_is_found(sees: Sees):
    assert 0 == len(Tracker(Model(sees), np.zeros((0, 4)), FPS).follow(0, picture()).faces)


class Knows:
    """Says the truth of a drawn face where its crop holds the middle of it, and nothing sure elsewhere."""

    def __init__(self, config: ModelConfig, truth: dict[bytes, np.ndarray]) -> None:
        self.config, self.truth = config, truth

    def find(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> Found:
        (marks,) = (self.truth[image.tobytes()] for image in images)
        apart = np.abs(marks.mean(axis=0) - (boxes[0, :2] + boxes[0, 2:]) / 2).max()
        near = apart < self.config.expand * (boxes[0, 2:] - boxes[0, :2]).max() / 2
        sure = np.full((1, 68), 0.8 if near else 0.1, np.float32)
        return Found(marks[None], sure, *[np.full_like(sure, np.nan)] * 2)


def test_a_drawn_face_is_followed_by_more_than_its_box(network: LandmarkModel):
    moving = moving_face(seed=6, size=64)
    faces = [moving.frame(number) for number in range(0, 48, 6)]
    truth = {face.image.tobytes(): face.landmarks["ibug68"] for face in faces}
    boxes = tight_boxes(np.stack([face.landmarks["ibug68"] for face in faces]))
    tracker = Tracker(Model(Knows(network.config, truth)), boxes[:1], FPS)
    for number, face in enumerate(faces):
        frame = tracker.follow(number, face.image)
        np.testing.assert_array_equal(frame.faces.landmarks[0], face.landmarks["ibug68"])
    width = boxes[0, 2] - boxes[0, 0]
    assert np.ptp(boxes[:, 0]) > width  # what was followed went further than the face is wide


def test_a_file_is_followed_to_its_last_frame_and_smoothing_changes_landmarks_alone(network, tmp_path: Path):
    clip = [moving_face(seed=1, size=96).frame(0).image] * 3
    with whole_video(tmp_path / "clip.avi", 25, 96, 96) as add:
        for pixels in clip:
            add(pixels)
    video, boxes = Video(tmp_path / "clip.avi"), np.array([[20.0, 20.0, 70.0, 70.0], [10.0, 10.0, 80.0, 80.0]])
    plain, smooth = ([*find_in_video(Model(network), video, boxes, smooth)] for smooth in (False, True))
    assert [0, 1, 2] == [frame.number for frame in plain]
    for one, other in zip(plain, smooth, strict=True):
        np.testing.assert_array_equal(one.faces.boxes, other.faces.boxes)
        np.testing.assert_array_equal(one.faces.confidence, other.faces.confidence)
    np.testing.assert_array_equal(plain[0].faces.landmarks, smooth[0].faces.landmarks)
    assert not np.array_equal(plain[1].faces.landmarks, smooth[1].faces.landmarks)
