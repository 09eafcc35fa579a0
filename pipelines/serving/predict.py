"""Predict: pictures and boxes -> a table of landmarks, and the pictures with landmarks on them; for a video, predict_video.

Reads files, folders and standard input. Writes a folder, whole or not at all: the table, summary.json, and below the same
folder each picture that could be read, with its faces. Every picture ends in the table or is named with a reason. Work that
was cut short leaves its journal and its pictures in a hidden folder beside, and goes on from there when it is asked to.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from components.configuration import check_known
from components.limits import SHARE, check_range
from pipelines.runtime import command
from pipelines.runtime.progress import Progress
from pipelines.serving.inputs import Input, fingerprint, gather, shown, with_standard_input
from pipelines.serving.journal import Journal, Record, journalled
from pipelines.serving.looking import Looking, batches
from pipelines.serving.model import load
from pipelines.serving.tables import TABLES, check_names
from pipelines.serving.video import is_video
from pipelines.serving.where import Detected, Where, chosen

SUMMARY = "summary.json"
MADE_BY = "heatmark predict"
REASONS_SHOWN = 20
DRAWN = {"landmarks": "tightly around the landmarks", "annotated": "as its dataset's annotators drew them"}


def find_all(looking: Looking, sources: list[Input], where: Where, journal: Journal, out: Path, on_ray: str) -> None:
    """Finds the faces of all pictures that are not done, and notes them in the journal.

    Args:
        looking: How faces are found.
        sources: The pictures.
        where: Where their faces are.
        journal: What is done.
        out: The folder for drawn pictures.
        on_ray: The model's name where Ray is to find them; "" to do so here.
    """
    left = [source for source in sources if source.name not in journal.done]
    if len(left) < len(sources):
        print(f"predict: {len(sources) - len(left)} of {len(sources)} pictures are done already", flush=True)
    progress = Progress("predict", sum(map(where.wanted, left)), "faces")
    wanted = {source.name: where.wanted(source) for source in left}

    def done(records: list[Record]) -> None:
        journal.add(records)
        progress.advance(sum(wanted[record["image"]] for record in records))

    if on_ray and left:
        from pipelines.serving.spread import find_all_on_ray  # here: Ray takes seconds to import

        find_all_on_ray(on_ray, looking, left, where, out, done)
    else:
        for tasks in batches(left, where):
            done(looking.find(tasks, out))


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
    passes: int | None = None,
    form: str = "csv",
    min_confidence: float = 0.0,
    pictures: bool = True,
    ray: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    smooth: bool = False,
) -> None:
    """Finds landmarks on the pictures and folders INPUTS, or on one video, by MODEL; writes a table and what it drew to OUT.

    Without `passes` it looks once; twice where a detector draws the boxes, in its own way, and the model can look again.

    Raises:
        ValueError: An input, the boxes, the model or the place cannot be used, or no picture can.
    """
    command.take_kill_as_ctrl_c()
    check_known(TABLES, "format", form)
    check_range("--min-confidence", min_confidence, SHARE)
    others = [*inputs, *filter(None, [boxes, detector]), *filter(Path.exists, [Path(model)])]
    check_place(out, overwrite, others)
    if any(map(is_video, inputs)):
        if passes not in (None, 1) or ray:
            raise ValueError("a video is followed frame by frame from its first: it takes no --passes and no --ray")
        from pipelines.serving import predict_video  # which stands on this file

        predict_video.main(
            inputs, model, out, boxes, whole, detector, form, min_confidence, pictures, smooth, resume, overwrite
        )
        return
    if smooth:
        raise ValueError("--smooth is over time: it is for a video")
    with TemporaryDirectory() as place:
        sources = gather(with_standard_input(inputs, Path(place)))
        check_names(form, (source.name for source in sources))
        where = chosen(sources, boxes, whole, detector)
        loaded = load(model)
        if passes is None:
            passes = 2 if detector and loaded.looks_again else 1
        loaded.check_passes(passes)
        looking = Looking(loaded, passes, min_confidence, pictures)
        run(looking, sources, where, out, form, model if ray else "", resume, overwrite)


def run(
    looking: Looking,
    sources: list[Input],
    where: Where,
    out: Path,
    form: str,
    on_ray: str,
    resume: bool,
    overwrite: bool,
) -> None:
    """Finds all faces and writes the output.

    Raises:
        ValueError: It cannot be written, or there is nothing to write.
    """
    drawn = DRAWN[looking.model.box]
    print(f"predict: {len(sources)} pictures, {where.said}; the model knows boxes drawn {drawn}", flush=True)
    if isinstance(where, Detected) and looking.passes > 1:
        print(
            "predict: a detector draws boxes in its own way: each face is looked at again around its landmarks",
            flush=True,
        )
    how = {
        "model": looking.model.identity,
        "inputs": fingerprint(sources),
        "where": where.identity,
        "format": form,
        "passes": looking.passes,
        "min_confidence": looking.min_confidence,
        "drawn": looking.pictures,
    }
    began = time.monotonic()

    def done(journal: Journal) -> str:
        return f"{len(journal.done)} of {len(sources)} pictures are done"

    with journalled(out, how, resume, overwrite, done) as journal:
        before, partial = len(journal.done), journal.path.parent
        find_all(looking, sources, where, journal, partial, on_ray)
        summary = Summary.of(journal)
        if not summary.num_faces:
            summary.say()
            journal.path.unlink()
            raise ValueError(f"nothing was found: none of {len(sources)} pictures could be used")
        TABLES[form](journal.records(), partial, looking.model.scheme, False)
        summary.write(partial / SUMMARY, how)
    summary.say()
    rate = "" if before else f", {summary.num_faces / max(time.monotonic() - began, 1e-9):.0f} faces/s"
    print(f"predict: {summary.num_faces} faces on {summary.num_pictures} pictures{rate}: {shown(str(out))}")


if __name__ == "__main__":
    command.run(main)
