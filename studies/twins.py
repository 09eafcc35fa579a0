"""How far from a face do its own copies lie by the perceptual hash, and how near do strangers come?

    python -m studies.twins FOLDER --reader 300w [--num-faces 1000]

Copies are what a second archive of the same photographs may hold: encoded again, smaller, cropped, lighter, marked again by
somebody else, mirrored, and all of it at once. Strangers are faces of different subjects. The table gives bits of 256, and what
the threshold of `pipelines.new_data.twins` makes of them. Prints Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from components.configuration import check_known
from components.datasets import DATASETS
from components.images import decode, encode_jpeg
from components.samples import Annotation, Box
from pipelines.new_data.hashes import BYTES, distances, hash_face
from pipelines.new_data.twins import MOST_BITS
from pipelines.runtime import command

Face = tuple[np.ndarray, np.ndarray]  # a picture (H, W, 3) uint8, and landmarks (K, 2) on it
NEAREST = 5
WITHIN = (48, 60, 72, 84, 96)  # how the number of strangers falls towards the threshold


def encoded(picture: np.ndarray, marks: np.ndarray, quality: int = 50) -> Face:
    return decode(encode_jpeg(picture, quality)), marks


def smaller(picture: np.ndarray, marks: np.ndarray, by: float) -> Face:
    reduced = cv2.resize(picture, None, fx=by, fy=by, interpolation=cv2.INTER_AREA)
    return reduced, (marks + 0.5) * by - 0.5


def cropped(picture: np.ndarray, marks: np.ndarray, rng: np.random.Generator) -> Face:
    """A tenth of the shorter side is cut away of each direction, anywhere."""
    height, width = picture.shape[:2]
    away = min(height, width) // 10
    x, y = rng.integers(0, away + 1, 2)
    return picture[y : height - away + y, x : width - away + x], marks - np.array([x, y])


def lighter(picture: np.ndarray, marks: np.ndarray) -> Face:
    return np.clip(0.7 * picture + 30, 0, 255).astype(np.uint8), marks


def marked_again(picture: np.ndarray, marks: np.ndarray, rng: np.random.Generator, spread: float = 0.01) -> Face:
    """Each landmark elsewhere, by a share of the face's size (standard deviation)."""
    box = Box.around(marks)
    return picture, marks + rng.normal(0, spread * max(box.width, box.height), marks.shape)


def mirrored(picture: np.ndarray, marks: np.ndarray) -> Face:
    return np.ascontiguousarray(picture[:, ::-1]), np.array([picture.shape[1] - 1, 0]) + marks * [-1, 1]


def copies(rng: np.random.Generator) -> dict[str, Callable[[np.ndarray, np.ndarray], Face]]:
    """Name -> what makes such a copy."""

    def all_of_it(picture: np.ndarray, marks: np.ndarray) -> Face:
        face = smaller(*cropped(picture, marks, rng), by=0.5)
        return mirrored(*encoded(*marked_again(*face, rng)))

    return {
        "JPEG of quality 50": encoded,
        "half the size": partial(smaller, by=0.5),
        "a quarter of the size": partial(smaller, by=0.25),
        "a tenth cropped away": partial(cropped, rng=rng),
        "paler": lighter,
        "marked again, 1% off": partial(marked_again, rng=rng),
        "marked again, 2% off": partial(marked_again, rng=rng, spread=0.02),
        "mirrored": mirrored,
        "all of it (1%)": all_of_it,
    }


def faces_of(folder: Path, reader: str, num_faces: int) -> Iterator[tuple[Annotation, np.ndarray]]:
    for face in islice(DATASETS[reader].read(folder), num_faces):
        yield face, DATASETS[reader].picture(folder, face.image)


def as_hash(picture: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """(2, BYTES) uint8: of the face, and of its mirror image."""
    both = b"".join(hash_face(picture, marks.astype(np.float32)))
    return np.frombuffer(both, np.uint8).reshape(2, BYTES)


def nearer(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """(N, M) bits: of hashes (N, 2, BYTES) and (M, 2, BYTES), the mirror image counted where it is nearer."""
    return np.minimum(distances(ours[:, 0], theirs[:, 0]), distances(ours[:, 1], theirs[:, 0]))


def main(
    folder: Annotated[Path, typer.Argument(help="A dataset's, as its reader knows it.")],
    reader: Annotated[str, typer.Option(help="Of the dataset.")] = "synthetic",
    num_faces: Annotated[int, typer.Option(help="The first so many.", min=2)] = 2000,
) -> None:
    """Hashes faces and copies of them, and prints what lies how far apart."""
    check_known(DATASETS, "dataset reader", reader)
    making = copies(np.random.default_rng(0))
    own, made, who = [], {name: [] for name in making}, []  # type: ignore[var-annotated]
    for face, picture in faces_of(folder, reader, num_faces):
        own.append(as_hash(picture, face.landmarks))
        who.append((face.subject, face.face))
        for name, make in making.items():
            made[name].append(as_hash(*make(picture, face.landmarks)))
    hashes, subjects = np.stack(own), np.array([subject for subject, _ in who])
    print(f"{len(own)} faces of {folder.name}; twins are at most {MOST_BITS} bits of {8 * BYTES} apart\n")
    print("| a face and | pairs | median | 95% within | 99% within | most | found |\n| --- |" + " ---: |" * 6)
    for name, each in made.items():
        pairs = zip(np.stack(each)[:, None], hashes[:, None], strict=True)
        bits = np.array([nearer(copy, face)[0, 0] for copy, face in pairs])
        low, high, most = np.quantile(bits, [0.95, 0.99, 1])
        print(
            f"| its copy, {name} | {len(bits)} | {np.median(bits):g} | {low:g} | {high:g} | {most:g} | {np.mean(bits <= MOST_BITS):.1%} |"
        )
    strangers(nearer(hashes, hashes), subjects, [face for _, face in who])


def strangers(bits: np.ndarray, subjects: np.ndarray, faces: list[str]) -> None:
    """Prints how far apart faces of different subjects lie, and which are nearest."""
    row, column = np.nonzero(np.triu(subjects[:, None] != subjects[None], 1))
    apart = bits[row, column]
    within = ", ".join(f"{int((apart <= bits).sum()):,} within {bits}" for bits in WITHIN)
    print(f"\n{len(apart):,} pairs of different subjects: median {np.median(apart):g} bits; {within}. The nearest:\n")
    taken = int((apart <= MOST_BITS).sum())
    for i in np.argsort(apart, kind="stable")[: NEAREST + taken]:
        print(f"* {apart[i]} bits: {faces[row[i]]} and {faces[column[i]]}")


if __name__ == "__main__":
    command.run(main)
