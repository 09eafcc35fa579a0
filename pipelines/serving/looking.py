"""A look at some pictures: read, find their faces in one pass of the network, draw them, and say what became of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from components import images
from components.boxes import check_box
from pipelines.serving.inputs import Input
from pipelines.serving.journal import Record, rounded
from pipelines.serving.model import Model
from pipelines.serving.where import Where

# What is held at once: faces for one pass of the network, or pixels, whichever comes first.
BATCH_FACES, BATCH_PIXELS = 32, 50_000_000


@dataclass(frozen=True, eq=False)
class Task:
    """A picture that was read.

    Attributes:
        source: Which.
        pixels: (H, W, 3) uint8 RGB; None where it could not be read.
        boxes: (F, 4), in which faces are to be found.
        left_out: Why it is not in the table, or why single boxes are not.
        turned: Whether a viewer would turn it: its pixels are taken as they are stored.
    """

    source: Input
    pixels: np.ndarray | None
    boxes: np.ndarray
    left_out: list[str]
    turned: bool = False


def read(source: Input, where: Where) -> Task:
    """Reads a picture and finds its boxes; never fails, but says why nothing can be found on it."""
    nothing = np.zeros((0, 4))
    try:
        pixels = images.read(source.path.parent, source.path.name)
        boxes = where.boxes(source, pixels)
    except ValueError as error:
        return Task(source, None, nothing, [str(error).removeprefix(f"{source.path.name}: ")])
    good, left_out = [], []
    for box in boxes:
        try:
            check_box(box, pixels)
            good.append(box)
        except ValueError as error:
            left_out.append(str(error))
    return Task(source, pixels, np.array(good) if good else nothing, left_out, asks_to_be_turned(source.path))


def asks_to_be_turned(path: Path) -> bool:
    """Whether the EXIF data of a picture, which was read before, say that it lies on its side or is mirrored."""
    with Image.open(path, formats=images.FORMATS) as picture:
        try:
            return picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
        except Exception:  # Pillow raises several kinds for damaged EXIF data, which then say nothing
            return False


def batches(sources: list[Input], where: Where) -> Iterator[list[Task]]:
    """The pictures, read, a few at a time."""
    held: list[Task] = []
    for source in sources:
        held.append(read(source, where))
        pixels = sum(0 if task.pixels is None else task.pixels.size // 3 for task in held)
        if sum(max(1, len(task.boxes)) for task in held) >= BATCH_FACES or pixels >= BATCH_PIXELS:
            yield held
            held = []
    if held:
        yield held


@dataclass(frozen=True)
class Looking:
    """How faces are found, and what is kept of them.

    Attributes:
        model: That finds them.
        passes: Looks at each face.
        min_confidence: Mean confidence, below which a face is left out.
        pictures: Whether they are drawn.
    """

    model: Model
    passes: int
    min_confidence: float
    pictures: bool

    def find(self, tasks: list[Task], out: Path) -> list[Record]:
        """Finds the faces of some pictures in one pass, and draws them into a folder."""
        usable = [task for task in tasks if task.pixels is not None and len(task.boxes)]
        faces = self.model.find([task.pixels for task in usable], [task.boxes for task in usable], self.passes)  # type: ignore[misc]
        places = {task.source.name: number for number, task in enumerate(usable)}
        records: list[Record] = []
        for task in tasks:
            name, left_out = task.source.name, list(task.left_out)
            record: Record = {"image": name, "faces": [], "left_out": left_out, "turned": task.turned}
            if name in places:
                own = faces.on(places[name])
                sure = own.confidence.mean(axis=1) >= self.min_confidence
                unsure = own.confidence[~sure].mean(axis=1)
                left_out += [f"a face's confidence {value:.4f} is below {self.min_confidence:g}" for value in unsure]
                own = own.chosen(sure)
                record["faces"] = rounded(own)
                if self.pictures and len(own):
                    own.draw(out / task.source.drawing)
            records.append(record)
        return records
