"""Predict on a video: a table with a row for each face of each frame, and the video with landmarks on it.

The first frame's faces are where somebody says, as those of a picture are; from then on each is followed. The output appears
whole or not at all. Of work that was cut short a hidden folder beside keeps what was seen on each frame; who goes on reads and draws
those frames again, but looks only at the ones after.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from components.boxes import boxes_on
from pipelines.runtime.progress import Progress
from pipelines.serving.inputs import Input, fingerprint, gather, shown
from pipelines.serving.journal import Journal, Record, journalled, rounded
from pipelines.serving.model import Model, load
from pipelines.serving.predict import DRAWN, MADE_BY, SUMMARY
from pipelines.serving.sights import Sights
from pipelines.serving.tables import TABLES
from pipelines.serving.tracking import find_in_video
from pipelines.serving.video import Video
from pipelines.serving.video_writer import CODECS, whole_video
from pipelines.serving.where import Where, chosen


@dataclass
class Following:
    """How the faces of a video are followed, and what came of it.

    Attributes:
        model: That finds them.
        video: In which.
        source: The video as an input.
        boxes: (F, 4), of the first frame's faces, px.
        where: What said so.
        smooth: Whether landmarks are smoothed over time.
        min_confidence: Mean confidence, below which a face is left out of a frame.
        num_frames: Read so far.
        seen: Number of a face -> frames that it is in.
        news: A sentence for each face that was lost for good.
    """

    model: Model
    video: Video
    source: Input
    boxes: np.ndarray
    where: Where
    smooth: bool
    min_confidence: float
    num_frames: int = 0
    seen: Counter[int] = field(default_factory=Counter)
    news: list[str] = field(default_factory=list)

    def records(self, sights: Sights, drawing: Path | None) -> Iterator[Record]:
        """What is found in each frame; drawn into a video meanwhile."""
        if sights.num_noted:
            print(f"predict: {self.counted(sights.num_noted)} are done already", flush=True)
        progress = Progress("predict", max(0, self.video.declared - sights.num_noted), "frames")
        with ExitStack() as stack:
            size = self.video.fps, self.video.height, self.video.width
            write = stack.enter_context(whole_video(drawing, *size)) if drawing else None
            for frame in find_in_video(self.model, self.video, self.boxes, self.smooth, sights.look):
                sure = frame.faces.confidence.mean(axis=1) >= self.min_confidence
                faces, tracks = frame.faces.chosen(sure), frame.tracks[sure].tolist()
                self.num_frames += 1
                self.seen.update(tracks)
                self.news += frame.news
                if write:
                    write(faces.drawn())
                if sights.num_noted <= frame.number < self.video.declared:  # a header may say less than there is
                    progress.advance(1)
                yield {
                    "image": self.source.name,
                    "frame": frame.number,
                    "tracks": tracks,
                    "faces": rounded(faces),
                    "left_out": list(frame.news),
                    "turned": False,
                }

    def counted(self, num_frames: int) -> str:
        """So many frames, of as many as the header says."""
        return f"{num_frames} of {self.video.declared} frames" if self.video.declared else f"{num_frames} frames"

    def summary(self) -> dict[str, object]:
        return {
            "video": self.source.name,
            "fps": self.video.fps,
            "frames": self.num_frames,
            "frames_in_header": self.video.declared,
            "turned_deg": self.video.turned_deg,
            "frames_of_each_face": {str(face): count for face, count in sorted(self.seen.items())},
            "left_out": self.news,
        }

    def say(self) -> None:
        """Names what was lost, and what else is unusual."""
        for sentence in self.news:
            print(f"predict: {sentence}", flush=True)
        if self.video.declared not in (0, self.num_frames):
            print(
                f"predict: the video's header says {self.video.declared} frames, and {self.num_frames} could be read: it may be "
                "cut off",
                flush=True,
            )
        if self.video.turned_deg:
            print(f"predict: frames are turned by {self.video.turned_deg} degrees, as the video asks", flush=True)


def first_boxes(video: Video, source: Input, where: Where) -> np.ndarray:
    """Boxes (F, 4) of the faces on a video's first frame, px.

    Raises:
        ValueError: There is none, or one in which nothing can be found.
    """
    first = next(video.frames())
    try:
        return boxes_on(first, where.boxes(source, first))
    except ValueError as error:
        raise ValueError(f"{shown(source.name)}, first frame: {error}") from error


def drawing(name: str) -> str:
    """Name of the video with landmarks on it: the same, or a second end where no such video is written here."""
    return name if Path(name).suffix.lower() in CODECS else f"{name}.mp4"


def main(
    inputs: list[Path],
    model: str,
    out: Path,
    boxes: Path | None,
    whole: bool,
    detector: Path | None,
    form: str,
    min_confidence: float,
    pictures: bool,
    smooth: bool,
    resume: bool,
    overwrite: bool,
) -> None:
    """Finds landmarks on the video that is the only one of INPUTS; OUT may be written.

    Raises:
        ValueError: The video, the boxes, the model or the form cannot be used, or nothing is found.
    """
    if len(inputs) != 1:
        raise ValueError("a video is followed alone: name it without other inputs")
    if form == "pts":
        raise ValueError("a .pts file is of a picture: for a video choose another --format")
    video, (source,) = Video(inputs[0]), gather(inputs)
    where = chosen([source], boxes, whole, detector)
    following = Following(load(model), video, source, first_boxes(video, source, where), where, smooth, min_confidence)
    print(
        f"predict: a video, {where.said} on its first frame; the model knows boxes drawn {DRAWN[following.model.box]}",
        flush=True,
    )
    how = {
        "model": following.model.identity,
        "inputs": fingerprint([source]),
        "where": where.identity,
        "format": form,
        "smooth": smooth,
        "min_confidence": min_confidence,
        "drawn": pictures,
    }

    def done(journal: Journal) -> str:
        return f"{following.counted(sum(1 for _ in journal.records()))} are done"

    with journalled(out, how, resume, overwrite, done) as journal:
        write(following, journal, how, pictures)
    following.say()
    num_faces = sum(following.seen.values())
    print(
        f"predict: {len(following.seen)} faces, {num_faces} times on {following.num_frames} frames: {shown(str(out))}"
    )


def write(following: Following, journal: Journal, how: dict[str, object], pictures: bool) -> None:
    """Follows all faces and writes table, summary and, if asked to, the video with landmarks beside the journal."""
    name, finder, folder = following.source.name, following.model, journal.path.parent
    sights = Sights(journal, finder, name)
    records = following.records(sights, folder / drawing(name) if pictures else None)
    TABLES[str(how["format"])](records, folder, finder.scheme, True)
    if not following.seen:
        journal.path.unlink()
        raise ValueError(f"nothing was found on {shown(name)}: no face is sure enough in any frame")
    text = json.dumps({"made_by": MADE_BY, **how, **following.summary()}, indent=1) + "\n"
    (folder / SUMMARY).write_text(text, encoding="ascii")
