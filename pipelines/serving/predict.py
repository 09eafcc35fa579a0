"""Predict: pictures and boxes -> a table of landmarks, and the pictures with landmarks on them.

Reads files and folders. Writes a folder, whole or not at all: landmarks.csv, a row per face, and below the same folder
each picture that could be read, with its faces. Every picture ends in the table or is named with a reason.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from components import images
from pipelines.runtime import command
from pipelines.runtime.outputs import whole_folder
from pipelines.runtime.progress import Progress
from pipelines.serving.boxes import read_boxes
from pipelines.serving.faces import Faces
from pipelines.serving.inputs import Input, gather, shown
from pipelines.serving.model import Model, check_box, load, whole

TABLE = "landmarks.csv"
COLUMNS = ("image", "face", "x0", "y0", "x1", "y1", "confidence")
# What is held at once: faces for one pass of the network, or pixels, whichever comes first.
BATCH_FACES, BATCH_PIXELS = 32, 50_000_000
REASONS_SHOWN = 20
DRAWN = {"landmarks": "tightly around the landmarks", "annotated": "as its dataset's annotators drew them"}


@dataclass(frozen=True, eq=False)
class Task:
    """A picture that was read, with the boxes (F, 4) in which faces are to be found."""

    source: Input
    pixels: np.ndarray
    boxes: np.ndarray


@dataclass
class Run:
    """What is to be done, and what became of it.

    Attributes:
        sources: The pictures.
        boxes: Picture's name -> boxes (F, 4); None for whole pictures.
        failed: (Picture's name, reason), of pictures and single boxes.
        num_faces: Found so far.
        num_pictures: With a face in the table.
        turned: Names of pictures that a viewer would turn: their pixels are taken as they are stored.
    """

    sources: Sequence[Input]
    boxes: Mapping[str, np.ndarray] | None
    failed: list[tuple[str, str]] = field(default_factory=list)
    num_faces: int = 0
    num_pictures: int = 0
    turned: list[str] = field(default_factory=list)

    def wanted(self, source: Input) -> int:
        """How many faces a picture has to do with; one without boxes counts as well, as work."""
        return 1 if self.boxes is None else max(1, len(self.boxes.get(source.name, ())))


def read(run: Run, source: Input) -> Task | None:
    """Reads a picture; None, with the reasons in `run.failed`, where nothing can be found on it."""
    if run.boxes is not None and source.name not in run.boxes:
        run.failed.append((source.name, "it has no box"))
        return None
    try:
        pixels = images.read(source.path.parent, source.path.name)
    except ValueError as error:
        run.failed.append((source.name, str(error).removeprefix(f"{source.path.name}: ")))
        return None
    if asks_to_be_turned(source.path):
        run.turned.append(source.name)
    good = []
    for box in whole(pixels) if run.boxes is None else run.boxes[source.name]:
        try:
            check_box(box, pixels)
            good.append(box)
        except ValueError as error:
            run.failed.append((source.name, str(error)))
    return Task(source, pixels, np.array(good)) if good else None


def asks_to_be_turned(path: Path) -> bool:
    """Whether the EXIF data of a picture, which was read before, say that it lies on its side or is mirrored."""
    with Image.open(path) as picture:
        return picture.getexif().get(ExifTags.Base.Orientation, 1) != 1


def batches(run: Run, progress: Progress) -> Iterator[list[Task]]:
    """The pictures that can be read, a few at a time."""
    held: list[Task] = []
    for source in run.sources:
        task = read(run, source)
        if task is None:
            progress.advance(run.wanted(source))
            continue
        held.append(task)
        if (
            sum(len(task.boxes) for task in held) >= BATCH_FACES
            or sum(task.pixels.size // 3 for task in held) >= BATCH_PIXELS
        ):
            yield held
            held = []
    if held:
        yield held


def find_all(model: Model, run: Run, out: Path) -> None:
    """Finds every face and writes table and pictures into a folder."""
    progress = Progress("predict", sum(map(run.wanted, run.sources)), "faces")
    with (out / TABLE).open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*COLUMNS, *(f"{name}_{axis}" for name in model.names for axis in "xy")])
        for tasks in batches(run, progress):
            faces = model.find([task.pixels for task in tasks], [task.boxes for task in tasks])
            for i, task in enumerate(tasks):
                own = faces.on(i)
                table.writerows(rows(task.source.name, own))
                own.draw(out / task.source.drawing)
                progress.advance(run.wanted(task.source))
            run.num_faces += len(faces)
            run.num_pictures += len(tasks)


def rows(image: str, faces: Faces) -> Iterator[list[object]]:
    """A row per face of a picture: its box, its mean confidence, and its landmarks, (x, y), image px to 3 decimals."""
    for number in range(len(faces)):
        box, landmarks = faces.boxes[number], faces.landmarks[number]
        confidence = f"{faces.confidence[number].mean():.4f}"
        yield [
            image,
            number,
            *(round(float(side), 3) for side in box),
            confidence,
            *(f"{value:.3f}" for value in landmarks.ravel()),
        ]


def check_place(out: Path, overwrite: bool, others: Sequence[Path]) -> None:
    """Refuses a place for the output that is somebody else's.

    Raises:
        ValueError: It holds something that is not an earlier output, or that without `overwrite`; or it lies in one of
            the others (inputs, boxes, model), or one of them in it.
    """
    place = out.resolve()
    for other in (path.resolve() for path in others):
        if other.is_relative_to(place) or (other.is_dir() and place.is_relative_to(other)):
            raise ValueError(
                f"--out {shown(str(out))} and {shown(str(other))} lie one in the other: name another folder"
            )
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    if not _is_output(place):
        raise ValueError(f"--out {shown(str(out))} holds something else than an earlier output: name another folder")
    if not overwrite:
        raise ValueError(f"--out {shown(str(out))} is there already: name another folder, or replace it by --overwrite")


def _is_output(folder: Path) -> bool:
    table = folder / TABLE
    return table.is_file() and table.read_bytes().startswith(",".join(COLUMNS).encode())


def main(inputs: list[Path], model: str, out: Path, boxes: Path | None = None, overwrite: bool = False) -> None:
    """Finds landmarks on the pictures and folders INPUTS by MODEL; writes a table and drawn pictures to OUT.

    Raises:
        ValueError: An input, the boxes, the model or the place cannot be used, or no picture can.
    """
    sources = gather(inputs)
    run = Run(sources, read_boxes(boxes, sources) if boxes else None)
    check_place(out, overwrite, [*inputs, *filter(None, [boxes]), *filter(Path.exists, [Path(model)])])
    finder = load(model)
    num_boxes = None if run.boxes is None else sum(len(own) for own in run.boxes.values())
    what = "each whole one as a face's box" if num_boxes is None else f"{num_boxes} boxes"
    print(f"predict: {len(sources)} pictures, {what}; the model knows boxes drawn {DRAWN[finder.box]}", flush=True)
    began = time.monotonic()
    try:
        with whole_folder(out) as partial:
            find_all(finder, run, partial)
            if not run.num_faces:
                say_failed(run)
                raise ValueError(f"nothing was found: none of {len(sources)} pictures could be used")
    except OSError as error:
        raise ValueError(f"cannot write {shown(str(out))}: {error.strerror}") from error
    say_failed(run)
    if run.turned:
        how = f"{len(run.turned)} pictures are to be turned, by their EXIF data, and were taken as they are stored"
        print(f"predict: {how}: faces in them may lie on their sides; {shown(run.turned[0])} is the first", flush=True)
    rate = run.num_faces / max(time.monotonic() - began, 1e-9)
    print(
        f"predict: {run.num_faces} faces on {run.num_pictures} pictures, {rate:.0f} faces/s: {shown(str(out / TABLE))}"
    )


def say_failed(run: Run) -> None:
    """Names what was left out, and why."""
    for name, reason in run.failed[:REASONS_SHOWN]:
        print(f"predict: left out: {shown(name)}: {shown(reason)}", flush=True)
    if len(run.failed) > REASONS_SHOWN:
        print(f"predict: and {len(run.failed) - REASONS_SHOWN} more left out", flush=True)


if __name__ == "__main__":
    command.run(main)
