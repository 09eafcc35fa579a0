"""The journal of a long work on pictures, or on a video: a line of JSON for each picture or frame that is done, so that the work
can go on after any end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import SEEK_END
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from pipelines.runtime.outputs import resumable_folder
from pipelines.serving.faces import Faces
from pipelines.serving.inputs import shown

JOURNAL = "journal.jsonl"
BLOCK = 1 << 16  # bytes; of a face of 68 landmarks there are about 2,300


class Face(TypedDict):
    """One face that was found.

    Attributes:
        box: x0, y0, x1, y1, image px, in which it was looked for.
        confidence: Of each landmark.
        expected_error: Of each landmark, % of the normaliser; None where the model does not know.
        visible: Of each landmark, the probability; None where the model does not know.
        landmarks: (x, y), image px.
    """

    box: list[float]
    confidence: list[float]
    expected_error: list[float] | None
    visible: list[float] | None
    landmarks: list[list[float]]


class Record(TypedDict):
    """What became of a picture, or of a frame of a video.

    Attributes:
        image: Its name, or the video's.
        frame: Of a video, from 0.
        tracks: Of a frame: the number of each face, the same in all frames.
        faces: In the order of their boxes.
        left_out: Why the picture, or single boxes of it, have no face here.
        turned: Whether a viewer would turn it: its pixels were taken as they are stored.
    """

    image: str
    frame: NotRequired[int]
    tracks: NotRequired[list[int]]
    faces: list[Face]
    left_out: list[str]
    turned: bool


def rounded(faces: Faces) -> list[Face]:
    """Faces of one picture, to a thousandth of a px and of a per cent, and a ten-thousandth of confidence and probability."""
    return [
        {
            "box": np.round(faces.boxes[number], 3).tolist(),
            "confidence": np.round(faces.confidence[number].astype(float), 4).tolist(),
            "expected_error": np.round(faces.expected_error[number].astype(float), 3).tolist()
            if faces.protocol
            else None,
            "visible": None
            if np.isnan(faces.visible).any()
            else np.round(faces.visible[number].astype(float), 4).tolist(),
            "landmarks": np.round(faces.landmarks[number].astype(float), 3).tolist(),
        }
        for number in range(len(faces))
    ]


class Journal:
    """What is done so far.

    Args:
        folder: In which the journal is, or begins.
        how: What decides the result, JSON-ready: who goes on must have the same.

    Attributes:
        done: Names of the pictures that need nothing more.

    Raises:
        ValueError: It was begun with something else.
    """

    def __init__(self, folder: Path, how: dict[str, Any]) -> None:
        self.path, self.how = folder / JOURNAL, how
        self.done: set[str] = set()
        if self.path.exists():
            self._cut_off_half_a_line()
            begun = next(self._lines(), None)
            if begun is None:
                self.path.unlink()
            else:
                self._check(begun)
                self.done = {record["image"] for record in self.records()}

    def _check(self, begun: dict[str, Any]) -> None:
        other = [name for name in self.how if begun.get(name) != self.how[name]]
        if other:
            raise ValueError(
                f"this work was begun in another way, with other {', '.join(other)}: go on in the way it was begun, or begin "
                "anew by --overwrite"
            )

    def _cut_off_half_a_line(self) -> None:
        """Drops what a process that was killed had not written to the end."""
        with self.path.open("r+b") as file:
            end = file.seek(0, SEEK_END)
            while end:
                start = max(0, end - BLOCK)
                file.seek(start)
                found = file.read(end - start).rfind(b"\n")
                end = start
                if found >= 0:
                    end = start + found + 1
                    break
            file.truncate(end)

    def _lines(self) -> Iterator[Any]:
        with self.path.open(encoding="ascii") as file:
            yield from map(json.loads, file)

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Notes some pictures, as `Record`s, or frames of a video; they are done when this returns."""
        with self.path.open("a", encoding="ascii") as file:
            if not file.tell():
                file.write(json.dumps(self.how) + "\n")
            file.writelines(json.dumps(record) + "\n" for record in records)
        self.done.update(record["image"] for record in records)

    def records(self) -> Iterator[Any]:
        """All that are done, in the order in which they were noted."""
        if self.path.exists():
            lines = self._lines()
            next(lines)
            yield from lines


@contextmanager
def journalled(
    out: Path, how: dict[str, Any], resume: bool, overwrite: bool, done: Callable[[Journal], str]
) -> Iterator[Journal]:
    """As `resumable_folder`, with the journal in it; who is cut short is told what is done, and how the rest is.

    Raises:
        ValueError: As `resumable_folder` and `Journal`; or something cannot be written.
    """
    journal = None
    try:
        with resumable_folder(out, JOURNAL, resume, overwrite) as partial:
            journal = Journal(partial, how)
            yield journal
    except BaseException as error:
        if journal is not None and journal.path.exists():
            print(f"predict: {done(journal)}; the same command with --resume goes on from there", flush=True)
        if isinstance(error, OSError):
            raise ValueError(f"cannot write {shown(str(out))}: {error.strerror}") from error
        raise
