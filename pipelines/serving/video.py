"""A video file: its frames one after the other, as RGB pixels, and never more than one of them in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from components.files import check_regular
from components.limits import check_pixels
from pipelines.serving.inputs import shown

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm")
# What a header may say; more than any camera does, and a wrong one says anything.
FPS = (1.0, 1000.0)


def is_video(path: Path) -> bool:
    """Whether a file is one by its name's end."""
    return path.suffix.lower() in SUFFIXES


class Video:
    """A video file. Frames are turned upright as the file asks, as every player does.

    Args:
        path: A regular file.

    Attributes:
        path: Of the file.
        fps: Frames a second.
        height, width: Of a frame, px, upright.
        declared: How many frames the header says that there are; it may lie, and 0 means that it does not say.
        turned_deg: By how much the file asks for its frames to be turned, clockwise; they are.

    Raises:
        ValueError: It is no regular file, no video, has no first frame, no usable frame rate, or frames that are too large.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            check_regular(path)
        except ValueError as error:
            raise ValueError(f"{shown(str(path))}: {error}") from error
        if not path.stat().st_size:
            raise ValueError(f"{shown(str(path))}: the file is empty")
        with self._opened() as capture:
            self.height, self.width = (int(capture.get(key)) for key in _SIZE)
            self.fps = float(capture.get(cv2.CAP_PROP_FPS))
            self.declared = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            self.turned_deg = int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
            self._check_size(self.height, self.width)
            if not capture.grab():
                raise ValueError(f"{shown(str(path))}: a video without a frame that can be read; it may be cut off")
        if not (math.isfinite(self.fps) and FPS[0] <= self.fps <= FPS[1]):
            raise ValueError(f"{shown(str(path))}: expected {FPS[0]:g} to {FPS[1]:g} frames a second, got {self.fps:g}")

    def frames(self) -> Iterator[np.ndarray]:
        """Each frame, (H, W, 3) uint8 RGB, to the last that can be read, whatever the header says.

        Raises:
            ValueError: A frame has another size than the first.
        """
        with self._opened() as capture:
            while True:
                read, pixels = capture.read()
                if not read:
                    return
                if pixels.shape[:2] != (self.height, self.width):
                    sizes = f"{self.width} x {self.height} px, then {pixels.shape[1]} x {pixels.shape[0]}"
                    raise ValueError(f"{shown(str(self.path))}: frames of several sizes: {sizes}")
                yield cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)

    def _check_size(self, height: int, width: int) -> None:
        if height <= 0 or width <= 0:
            raise ValueError(f"{shown(str(self.path))}: a video whose header names no size of its frames")
        try:
            check_pixels(height, width, "a frame")
        except ValueError as error:
            raise ValueError(f"{shown(str(self.path))}: {error}") from error

    @contextmanager
    def _opened(self) -> Iterator[cv2.VideoCapture]:
        # FFmpeg alone: other backends take NAME%03d.jpg for a series of pictures, and a name for a camera's.
        capture = cv2.VideoCapture(str(self.path.absolute()), cv2.CAP_FFMPEG)
        try:
            if not capture.isOpened():
                raise ValueError(f"{shown(str(self.path))}: not a video that can be read, or a broken one")
            yield capture
        finally:
            capture.release()


_SIZE = (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)
