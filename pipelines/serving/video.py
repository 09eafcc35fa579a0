"""A video file: its frames one after the other, as RGB pixels, and never more than one of them in memory."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from components.files import check_regular
from components.limits import check_pixels
from pipelines.serving.inputs import shown

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm")
# A file is what its first bytes say. FFmpeg knows hundreds of other kinds, some of which are lists of further files to open.
# Of ISO/IEC 14496-12 the kinds of a first box; RIFF's form; the EBML header's identifier (RFC 8794).
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_EBML = b"\x1aE\xdf\xa3"
# What a header may say; more than any camera does, and a wrong one says anything.
FPS = (1.0, 1000.0)


def is_video(path: Path) -> bool:
    """Whether a file is one by its name's end."""
    return path.suffix.lower() in SUFFIXES


@contextmanager
def quiet() -> Iterator[None]:
    """OpenCV and FFmpeg say nothing on opening a file: what is wrong with it is said in a sentence of ours."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg is told once, by the first file
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


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
        self._check_kind()
        with self._opened() as capture:
            self.height, self.width = (int(capture.get(key)) for key in _SIZE)
            self.fps = float(capture.get(cv2.CAP_PROP_FPS))
            self.declared = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            self.turned_deg = int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
            self._check_size(self.height, self.width)
            if not capture.read()[0]:
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

    def _check_kind(self) -> None:
        try:
            with self.path.open("rb") as file:
                head = file.read(12)
        except OSError as error:
            raise ValueError(f"{shown(str(self.path))}: {error.strerror}") from error
        if not head:
            raise ValueError(f"{shown(str(self.path))}: the file is empty")
        riff = head[:4] == b"RIFF" and head[8:12] == b"AVI "
        if not (head[4:8] in _BOXES or riff or head.startswith(_EBML)):
            raise ValueError(f"{shown(str(self.path))}: not a video of one of the kinds {', '.join(SUFFIXES)}")

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
        with quiet():
            capture = cv2.VideoCapture(str(self.path.absolute()), cv2.CAP_FFMPEG)
        try:
            if not capture.isOpened():
                raise ValueError(f"{shown(str(self.path))}: not a video that can be read, or a broken one")
            yield capture
        finally:
            capture.release()


_SIZE = (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)
