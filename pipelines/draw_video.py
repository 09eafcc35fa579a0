"""Draws a video of one face that moves, its exact landmarks in each frame, and its box in the first one.

FILE.mp4 or .avi, and beside it FILE.SCHEME.jsonl, a frame a line, for each markup, and FILE.boxes.csv. All of them appear, or
none. The landmarks are the same bytes for the same numbers; the pixels too, by one build of OpenCV.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from components.samples import Box
from components.synthetic import DrawnFace
from pipelines.moving_face import FPS, MovingFace, moving_face
from pipelines.runtime.outputs import whole_file
from pipelines.runtime.processes import in_order, processes
from pipelines.runtime.progress import Progress
from pipelines.serving.boxes import COLUMNS
from pipelines.serving.video_writer import check_name, whole_video

SCHEME_NAMES = ("ibug68", "wflw98")


def places(path: Path) -> dict[str, Path]:
    """Name of each output -> its file."""
    truth = {scheme: path.with_suffix(f".{scheme}.jsonl") for scheme in SCHEME_NAMES}
    return {"video": path, "boxes": path.with_suffix(".boxes.csv")} | truth


def line(face: DrawnFace, image: str, number: int, scheme: str) -> str:
    """The truth of a frame as JSON: landmarks in px to 4 decimals."""
    fields = {
        "image": image,
        "frame": number,
        "landmarks": np.round(face.landmarks[scheme].astype(np.float64), 4).tolist(),
        "visible": face.visible[scheme].tolist(),
    }
    return json.dumps(fields)


def draw_video(path: Path, num_frames: int, seed: int, size: int, workers: int) -> None:
    """Draws a video.

    Raises:
        ValueError: A name or a place that cannot be used, or something lies there already.
    """
    check_name(path)
    files = places(path)
    if there := [file for file in files.values() if file.exists()]:
        raise ValueError(f"{there[0]} is there already: name another video, or remove it")
    with ExitStack() as stack:
        write = stack.enter_context(whole_video(path, FPS, size, size))
        texts = {name: stack.enter_context(whole_file(file)) for name, file in files.items() if name != "video"}
        lines: dict[str, list[str]] = {name: [] for name in texts}
        progress = Progress("draw", num_frames, "frames")
        for number, face in enumerate(frames(moving_face(seed, size), num_frames, workers)):
            if not number:
                box = Box.around(np.round(face.landmarks["ibug68"].astype(np.float64), 4))
                lines["boxes"] = [",".join(COLUMNS), ",".join([path.name, *map(str, box)])]
            for scheme in SCHEME_NAMES:
                lines[scheme].append(line(face, path.name, number, scheme))
            write(face.image)
            progress.advance(1)
        for name, text in texts.items():
            text.write_text("\n".join(lines[name]) + "\n", encoding="utf-8")


def frames(moving: MovingFace, num_frames: int, workers: int) -> Iterator[DrawnFace]:
    """The first frames, drawn by so many processes."""
    with processes(min(workers, num_frames), partial(cv2.setNumThreads, 1)) as pool:
        yield from in_order(pool, moving.frame, range(num_frames), 4 * workers)
