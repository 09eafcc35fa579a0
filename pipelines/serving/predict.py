"""Predict: pictures and boxes -> a table of landmarks, and the pictures with landmarks on them; for a video, predict_video.

Reads files, folders and standard input. Writes a folder, whole or not at all: the table, summary.json, and below the same
folder each picture that could be read, with its faces. Every picture ends in the table or is named with a reason. Work that
was cut short leaves its journal and its pictures in a hidden folder beside, and goes on from there when it is asked to.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import ExifTags, Image

from components import images
from components.configuration import check_known
from pipelines.runtime import command
from pipelines.runtime.outputs import resumable_folder
from pipelines.runtime.progress import Progress
from pipelines.serving.inputs import Input, gather, shown, with_standard_input
from pipelines.serving.journal import JOURNAL, Journal, Record, rounded
from pipelines.serving.model import Model, check_box, load
from pipelines.serving.tables import TABLES, check_names
from pipelines.serving.video import is_video
from pipelines.serving.where import Detected, Where, chosen

SUMMARY = "summary.json"
MADE_BY = "heatmark predict"
# What is held at once: faces for one pass of the network, or pixels, whichever comes first.
BATCH_FACES, BATCH_PIXELS = 32, 50_000_000
REASONS_SHOWN = 20
DRAWN = {"landmarks": "tightly around the landmarks", "annotated": "as its dataset's annotators drew them"}


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
    with Image.open(path) as picture:
        return picture.getexif().get(ExifTags.Base.Orientation, 1) != 1


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


def find_all(looking: Looking, sources: list[Input], where: Where, journal: Journal, out: Path) -> None:
    """Finds the faces of all pictures that are not done, and notes them in the journal."""
    left = [source for source in sources if source.name not in journal.done]
    if len(left) < len(sources):
        print(f"predict: {len(sources) - len(left)} of {len(sources)} pictures are done already", flush=True)
    progress = Progress("predict", sum(map(where.wanted, left)), "faces")
    for tasks in batches(left, where):
        journal.add(looking.find(tasks, out))
        progress.advance(sum(where.wanted(task.source) for task in tasks))


@dataclass(frozen=True)
class Summary:
    """What became of the pictures: counts, and (name, reason) of what was left out."""

    num_pictures: int
    num_faces: int
    left_out: list[tuple[str, str]]
    turned: list[str]

    @classmethod
    def of(cls, journal: Journal) -> Summary:
        num_pictures, num_faces, left_out, turned = 0, 0, [], []
        for record in journal.records():
            num_pictures += bool(record["faces"])
            num_faces += len(record["faces"])
            left_out += [(record["image"], reason) for reason in record["left_out"]]
            turned += [record["image"]] * record["turned"]
        return cls(num_pictures, num_faces, left_out, turned)

    def write(self, path: Path, how: dict[str, object]) -> None:
        said = {
            "pictures": self.num_pictures,
            "faces": self.num_faces,
            "left_out": self.left_out,
            "turned": self.turned,
        }
        path.write_text(json.dumps({"made_by": MADE_BY, **how, **said}, indent=1) + "\n", encoding="ascii")

    def say(self) -> None:
        """Names what was left out and why, and what lies on its side."""
        for name, reason in self.left_out[:REASONS_SHOWN]:
            print(f"predict: left out: {shown(name)}: {shown(reason)}", flush=True)
        if len(self.left_out) > REASONS_SHOWN:
            print(f"predict: and {len(self.left_out) - REASONS_SHOWN} more left out: all are in {SUMMARY}", flush=True)
        if self.turned:
            how = f"{len(self.turned)} pictures are to be turned, by their EXIF data, and were taken as they are stored"
            print(
                f"predict: {how}: faces in them may lie on their sides; {shown(self.turned[0])} is the first",
                flush=True,
            )


def check_place(out: Path, overwrite: bool, others: list[Path]) -> None:
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
    summary = folder / SUMMARY
    return summary.is_file() and f'"{MADE_BY}"' in summary.read_text(encoding="ascii", errors="replace")


def main(
    inputs: list[Path],
    model: str,
    out: Path,
    boxes: Path | None = None,
    whole: bool = False,
    detector: Path | None = None,
    passes: int = 1,
    form: str = "csv",
    min_confidence: float = 0.0,
    pictures: bool = True,
    resume: bool = False,
    overwrite: bool = False,
    smooth: bool = False,
) -> None:
    """Finds landmarks on the pictures and folders INPUTS, or on one video, by MODEL; writes a table and what it drew to OUT.

    Raises:
        ValueError: An input, the boxes, the model or the place cannot be used, or no picture can.
    """
    command.take_kill_as_ctrl_c()
    check_known(TABLES, "format", form)
    others = [*inputs, *filter(None, [boxes, detector]), *filter(Path.exists, [Path(model)])]
    check_place(out, overwrite, others)
    if any(map(is_video, inputs)):
        if passes != 1 or resume:
            raise ValueError(
                "a video is followed from its first frame, by one look at each: it takes no --passes and no --resume"
            )
        from pipelines.serving import predict_video  # which stands on this file

        predict_video.main(inputs, model, out, boxes, whole, detector, form, min_confidence, pictures, smooth)
        return
    if smooth:
        raise ValueError("--smooth is over time: it is for a video")
    with TemporaryDirectory() as place:
        sources = gather(with_standard_input(inputs, Path(place)))
        check_names(form, (source.name for source in sources))
        where = chosen(sources, boxes, whole, detector)
        looking = Looking(load(model), passes, min_confidence, pictures)
        looking.model.check_passes(passes)
        run(looking, sources, where, out, form, resume, overwrite)


def run(
    looking: Looking, sources: list[Input], where: Where, out: Path, form: str, resume: bool, overwrite: bool
) -> None:
    """Finds all faces and writes the output.

    Raises:
        ValueError: It cannot be written, or there is nothing to write.
    """
    drawn = DRAWN[looking.model.box]
    print(f"predict: {len(sources)} pictures, {where.said}; the model knows boxes drawn {drawn}", flush=True)
    if isinstance(where, Detected) and looking.passes == 1:
        print(
            "predict: a detector draws its boxes in another way; --passes 2 looks again around the landmarks",
            flush=True,
        )
    how = {
        "model": looking.model.identity,
        "where": where.identity,
        "passes": looking.passes,
        "min_confidence": looking.min_confidence,
        "drawn": looking.pictures,
    }
    began, journal = time.monotonic(), None
    try:
        with resumable_folder(out, resume, overwrite) as partial:
            journal = Journal(partial, how)
            before = len(journal.done)
            find_all(looking, sources, where, journal, partial)
            summary = Summary.of(journal)
            if not summary.num_faces:
                summary.say()
                raise ValueError(f"nothing was found: none of {len(sources)} pictures could be used")
            TABLES[form](journal.records(), partial, looking.model.scheme, False)
            summary.write(partial / SUMMARY, how)
            (partial / JOURNAL).unlink()
    except KeyboardInterrupt:
        if journal is None:
            raise
        done = f"{len(journal.done)} of {len(sources)} pictures are done"
        print(f"predict: {done}; the same command with --resume goes on from there", flush=True)
        raise
    except OSError as error:
        raise ValueError(f"cannot write {shown(str(out))}: {error.strerror}") from error
    summary.say()
    rate = "" if before else f", {summary.num_faces / max(time.monotonic() - began, 1e-9):.0f} faces/s"
    print(f"predict: {summary.num_faces} faces on {summary.num_pictures} pictures{rate}: {shown(str(out))}")


if __name__ == "__main__":
    command.run(main)
