"""Tracking: each face of a video is looked for around where it was in the frame before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from components.boxes import check_box
from components.samples import tight_boxes
from pipelines.serving.faces import Faces
from pipelines.serving.model import Model
from pipelines.serving.smoothing import OneEuro
from pipelines.serving.video import Video

# A face is lost where its mean confidence falls below this share of its own median. By a model of photographs (300w_small),
# moving faces have 0.94 to 1.06 of it in their true boxes (5% to 95%), and what lies a whole width beside them at most 0.34 (95%):
# `heatmark study video`.
LOST_BELOW = 0.6
# The median is of so many seconds: confidence changes as a head turns.
MEDIAN_S = 2.0
# A lost face is looked for around its last box, so many times as large, and then around what was found there: the first look
# need only be rough.
ENLARGED = 1.5
# For so long; by then its last box says nothing.
GIVEN_UP_AFTER_S = 1.0


class Sight(NamedTuple):
    """What was seen on a frame, before it is smoothed.

    Attributes:
        faces: Found on it; a lost one is not among them.
        tracks: (F,) int, which of the first frame's boxes each face is of.
    """

    faces: Faces
    tracks: np.ndarray


class Frame(NamedTuple):
    """A frame with its faces.

    Attributes:
        number: From 0.
        pixels: (H, W, 3) uint8, RGB.
        faces: Found on it; a lost one is not among them.
        tracks: (F,) int, which of the first frame's boxes each face is of.
        news: A sentence for each track that ends with this frame.
    """

    number: int
    pixels: np.ndarray
    faces: Faces
    tracks: np.ndarray
    news: tuple[str, ...]


@dataclass
class Track:
    """One face on its way.

    Attributes:
        number: Which of the first frame's boxes it is of.
        box: (4,), where it is looked for: around where it was found last.
        sure: Its mean confidence in the last frames that it was found in.
        smooth: What its landmarks pass through, or None.
        margins: (4,), how much larger the first frame's box is than the tight one of what was found in it, in the sides of
            the tight one; None before. 0 for a model whose boxes are tight.
        num_lost: Frames since it was found.
        ended: Whether it is looked for no more.
    """

    number: int
    box: np.ndarray
    sure: deque[float]
    smooth: OneEuro | None
    margins: np.ndarray | None = None
    num_lost: int = 0
    ended: bool = False


def find_in_video(
    model: Model,
    video: Video,
    boxes: np.ndarray,
    smooth: bool = False,
    look: Callable[[Tracker, np.ndarray], Sight] | None = None,
) -> Iterator[Frame]:
    """Finds the faces of a video's first frame in all its frames, each until it is lost for a second.

    Args:
        model: Any.
        video: Read once, a frame at a time.
        boxes: (F, 4), x0 y0 x1 y1, px of the first frame, drawn as `model.box` says.
        smooth: Whether landmarks pass through `OneEuro`; the boxes follow what was found, not what was smoothed.
        look: What looks at each frame in the place of `Tracker.look`.

    Raises:
        ValueError: A box is none or lies outside the frame, or a frame has another size than the first.
    """
    tracker = Tracker(model, boxes, video.fps, smooth)
    for number, pixels in enumerate(video.frames()):
        yield tracker.take(number, look(tracker, pixels) if look else tracker.look(pixels))


class Tracker:
    """Follows faces through the frames that it is given one after the other.

    Args:
        model: What finds them; all faces of a frame at once.
        boxes: (F, 4), px of the first frame.
        fps: Frames a second.
        smooth: Whether landmarks pass through `OneEuro`.
    """

    def __init__(self, model: Model, boxes: np.ndarray, fps: float, smooth: bool = False) -> None:
        self.model, self.fps = model, fps
        length = max(1, round(MEDIAN_S * fps))
        self.tracks = [
            Track(number, box, deque(maxlen=length), OneEuro(fps) if smooth else None)
            for number, box in enumerate(np.asarray(boxes, np.float64).reshape(-1, 4))
        ]

    def follow(self, number: int, pixels: np.ndarray) -> Frame:
        """The next frame (H, W, 3) uint8 RGB, of this number, with the faces that were found on it."""
        return self.take(number, self.look(pixels))

    def look(self, pixels: np.ndarray) -> Sight:
        """Looks for the faces on the next frame (H, W, 3) uint8 RGB; goes on only with `take`."""
        going = self._going()
        faces = self.model.find(pixels, np.array([track.box for track in going]).reshape(-1, 4))
        good = self._good(going, faces)
        if not good.all():
            doubtful = np.flatnonzero(~good)
            faces = _replaced(faces, doubtful, self._look_again(pixels, [going[i] for i in doubtful]))
            good = self._good(going, faces)
        return Sight(faces.chosen(good), np.array([track.number for track in going], int)[good])

    def take(self, number: int, sight: Sight) -> Frame:
        """Goes on from what was seen on the next frame, of this number: it decides where and how the one after is looked at."""
        rows = {track: row for row, track in enumerate(sight.tracks.tolist())}
        going = self._going()
        for track in going:
            if track.number in rows:
                self._found(track, sight.faces, rows[track.number])
            else:
                track.num_lost += 1
        news = tuple(self._end(track, number) for track in going if track.num_lost > GIVEN_UP_AFTER_S * self.fps)
        return Frame(number, sight.faces.pictures[0], sight.faces, sight.tracks, news)

    def _going(self) -> list[Track]:
        return [track for track in self.tracks if not track.ended]

    def _look_again(self, pixels: np.ndarray, tracks: list[Track]) -> Faces:
        """Roughly in the enlarged last box of each, then in the box around what was found there."""
        rough = self.model.find(pixels, np.stack([_enlarged(track.box) for track in tracks]))
        around = np.stack([self._next_box(track, rough, i) for i, track in enumerate(tracks)])
        usable = np.array([_usable(box, pixels) for box in around])
        return self.model.find(pixels, np.where(usable[:, None], around, rough.boxes))

    def _good(self, tracks: list[Track], faces: Faces) -> np.ndarray:
        """(F,) bool: whether what was found is the face, as sure as before and with a box to go on from."""
        sure = np.array([LOST_BELOW * np.median(track.sure) if track.sure else 0.0 for track in tracks])
        boxes = [self._next_box(track, faces, i) for i, track in enumerate(tracks)]
        usable = np.array([_usable(box, faces.pictures[0]) for box in boxes], bool)
        return usable & (faces.confidence.mean(axis=1) >= sure)

    def _next_box(self, track: Track, faces: Faces, i: int) -> np.ndarray:
        """(4,), the box around the landmarks of face i, drawn as the first frame's was."""
        tight = tight_boxes(faces.landmarks[i : i + 1].astype(np.float64))[0]
        return tight if track.margins is None else tight + track.margins * np.tile(tight[2:] - tight[:2], 2)

    def _found(self, track: Track, faces: Faces, i: int) -> None:
        """Takes face i of a frame for the track's, and smooths it in place."""
        if track.margins is None:
            tight = self._next_box(track, faces, i)
            larger = (track.box - tight) / np.tile(tight[2:] - tight[:2], 2)
            track.margins = larger if self.model.box == "annotated" else np.zeros(4)
        track.box = self._next_box(track, faces, i)
        track.sure.append(float(faces.confidence[i].mean()))
        if track.smooth is not None:
            if track.num_lost:  # what lies between is not known
                track.smooth = OneEuro(self.fps)
            faces.landmarks[i] = track.smooth(faces.landmarks[i])
        track.num_lost = 0

    def _end(self, track: Track, number: int) -> str:
        track.ended = True
        since = number - track.num_lost + 1
        return f"face {track.number} is lost since frame {since}, and was looked for in vain for {GIVEN_UP_AFTER_S:g} s"


def _enlarged(box: np.ndarray) -> np.ndarray:
    middle, half = (box[:2] + box[2:]) / 2, ENLARGED * (box[2:] - box[:2]) / 2
    return np.concatenate([middle - half, middle + half])


def _usable(box: np.ndarray, pixels: np.ndarray) -> bool:
    try:
        check_box(box, pixels)
    except ValueError:
        return False
    return True


def _replaced(faces: Faces, rows: np.ndarray, others: Faces) -> Faces:
    """Faces with others in these rows."""
    names = ("landmarks", "confidence", "expected_error", "visible", "boxes")
    changed = {name: getattr(faces, name).copy() for name in names}
    for name, values in changed.items():
        values[rows] = getattr(others, name)
    return replace(faces, **changed)
