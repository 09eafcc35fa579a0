"""How many faces a second does `heatmark predict --ray` find on a folder of pictures, against one process?

    python -m studies.many MODEL [--faces 2048] [--side 320] [--turns 3] [--pictures]

MODEL is whatever `heatmark predict` takes. The folder holds drawn faces as JPEG files, a few of them under many names, and each has a box.
The command itself is started, with and without --ray in turns. "Start to end" is all that one waits for, Ray's start and Python's
among it; "at work" is by the journal, from the first pictures that are done to the last: what a larger folder tends to. Every
face must be found, or the study fails. Prints Markdown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import numpy as np
import typer

from components.images import encode_jpeg
from components.samples import Box
from components.synthetic import draw_face
from pipelines.runtime import command, environment
from pipelines.serving.boxes import COLUMNS
from pipelines.serving.journal import JOURNAL
from pipelines.serving.predict import SUMMARY

NUM_DRAWN, QUALITY = 8, 92
WAYS = {"one process": [], "`--ray`": ["--ray"]}
POLL_S = 0.05


class Rates(NamedTuple):
    """Faces a second: of the whole command, and from the first pictures that are done to the last."""

    whole: float
    at_work: float


def draw(folder: Path, num_faces: int, side: int) -> Path:
    """Draws so many pictures into a folder, all but a few of them links; returns the file of their boxes, beside it."""
    folder.mkdir()
    faces = [draw_face(0, number, side) for number in range(min(NUM_DRAWN, num_faces))]
    rows = [",".join(COLUMNS)]
    for number in range(num_faces):
        name, face = f"{number:06d}.jpg", faces[number % NUM_DRAWN]
        if number < NUM_DRAWN:
            (folder / name).write_bytes(encode_jpeg(face.image, QUALITY))
        else:
            os.link(folder / f"{number % NUM_DRAWN:06d}.jpg", folder / name)
        rows.append(
            ",".join([f"{folder.name}/{name}", *(f"{edge:.2f}" for edge in Box.around(face.landmarks["ibug68"]))])
        )
    boxes = folder.with_suffix(".csv")
    boxes.write_text("\n".join(rows) + "\n", encoding="ascii")
    return boxes


def watched(process: subprocess.Popen[str], journal: Path) -> list[tuple[float, int]]:
    """(Seconds, lines of the journal) whenever there are more, until a process ends."""
    seen, count, file = [], 0, None
    while process.poll() is None:
        time.sleep(POLL_S)
        if file is None and journal.exists():
            file = journal.open("rb")
        if file is not None and (more := file.read().count(b"\n")):
            count += more
            seen.append((time.monotonic(), count))
    if file is not None:
        file.close()
    return seen


def at_work(seen: Sequence[tuple[float, int]]) -> float:
    """Lines a second, from the first that were seen to the last; NaN where all came at once."""
    if len(seen) < 2:
        return float("nan")
    (began, first), (ended, last) = seen[0], seen[-1]
    return (last - first) / (ended - began)


def measure(model: str, boxes: Path, num_faces: int, options: Sequence[str], place: Path) -> Rates:
    """Of the command with some options, once, by its output in a folder.

    Raises:
        ValueError: It failed, or did not find every face.
    """
    out = place / "out"
    words = [sys.executable, "-P", "-m", "heatmark", "predict", str(boxes.with_suffix("")), "--model", model]
    words += ["--boxes", str(boxes), "--out", str(out), *options]
    # As a shell starts it: without the settings of memory that a study begins with.
    env = {name: value for name, value in os.environ.items() if name not in environment.ALLOCATOR}
    began = time.monotonic()
    process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        seen = watched(process, out.with_name(f".{out.name}.partial") / JOURNAL)
    finally:
        process.terminate()
        said = process.communicate(timeout=60)[0]
    seconds = time.monotonic() - began
    if process.returncode:
        raise ValueError(f"the command ended with {process.returncode}, saying: {said}")
    if (found := json.loads((out / SUMMARY).read_text(encoding="ascii"))["faces"]) != num_faces:
        raise ValueError(f"{found} of {num_faces} faces were found")
    return Rates(num_faces / seconds, at_work(seen))


def row(way: str, found: Sequence[Rates], alone: Sequence[Rates]) -> str:
    """Medians with the least and the most, and how many times those of one process they are."""
    cells = [way]
    for own, others in zip(np.transpose(found), np.transpose(alone), strict=True):
        ratio = np.median(own) / np.median(others)
        cells += [f"{np.median(own):.1f} ({own.min():.1f} to {own.max():.1f})", f"{ratio:.2f}"]
    return f"| {' | '.join(cells)} |"


def main(
    model: Annotated[str, typer.Argument(help="A folder, models:/NAME@ALIAS, or whatever heatmark predict takes.")],
    faces: Annotated[int, typer.Option(help="Pictures with a face each.", min=1)] = 2048,
    side: Annotated[int, typer.Option(help="Of a picture, px.", min=32)] = 320,
    turns: Annotated[int, typer.Option(help="Of each way.", min=1)] = 3,
    pictures: Annotated[bool, typer.Option("--pictures", help="Let the landmarks be drawn as well.")] = False,
) -> None:
    """Measures both ways in turns."""
    found: dict[str, list[Rates]] = {way: [] for way in WAYS}
    drawing = "--pictures" if pictures else "--no-pictures"
    with TemporaryDirectory() as folder:
        boxes = draw(Path(folder) / "faces", faces, side)
        for _ in range(turns):
            for way, options in WAYS.items():
                with TemporaryDirectory(dir=folder) as place:
                    found[way].append(measure(model, boxes, faces, [drawing, *options], Path(place)))
    print(f"{faces} faces on pictures of {side} px, {os.cpu_count()} cores, {turns} turns, faces/s:\n")
    print("| | start to end | ratio | at work | ratio |\n| --- | --- | --- | --- | --- |")
    for way in WAYS:
        print(row(way, found[way], found["one process"]))


if __name__ == "__main__":
    command.run(main)
