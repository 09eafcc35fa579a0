"""A video that is written frame by frame, and appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from pipelines.runtime.outputs import whole_file
from pipelines.serving.inputs import shown
from pipelines.serving.video import quiet

# Name's end -> the codec, of those that OpenCV's wheel brings along. Both need no licence, and every player knows them.
CODECS = {".mp4": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
Write = Callable[[np.ndarray], None]


def check_name(path: Path) -> None:
    """Refuses a name that says of no kind of video that is written here.

    Raises:
        ValueError: With the ends that do.
    """
    if path.suffix.lower() not in CODECS:
        raise ValueError(f"{shown(str(path))}: expected a video's name that ends in {', '.join(CODECS)}")


@contextmanager
def whole_video(path: Path, fps: float, height: int, width: int) -> Iterator[Write]:
    """Yields what takes one frame (height, width, 3) uint8 RGB after the other; the file is there when the block ends well.

    An odd height or width loses its last row or column: the codecs store colours for squares of four pixels.

    Raises:
        ValueError: A name with another end, a place that cannot be written, or OpenCV cannot write such a video.
    """
    check_name(path)
    with whole_file(path) as unfinished:
        # The container is known by the name's end, which `unfinished` has not.
        written = unfinished.with_name(unfinished.name + path.suffix)
        codec = CODECS[path.suffix.lower()]
        size = width - width % 2, height - height % 2
        with quiet():
            writer = cv2.VideoWriter(str(written.absolute()), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, size)
        try:
            if not writer.isOpened():
                raise ValueError(
                    f"{shown(str(path))}: OpenCV cannot write a video of {size[0]} x {size[1]} px by its codec {codec}"
                )

            def write(frame: np.ndarray) -> None:
                if not writer.write(np.ascontiguousarray(frame[: size[1], : size[0], ::-1])):
                    raise ValueError(f"{shown(str(path))}: a frame could not be written; is the disk full?")

            yield write
            writer.release()
            written.replace(unfinished)
        finally:
            writer.release()
            written.unlink(missing_ok=True)
