"""Draws faces: FOLDER/images/*.jpg and one FOLDER/SCHEME.jsonl for each markup, one face a line.

Reads nothing. The folder appears whole or not at all, and is the same for any number of workers. A folder that was
drawn from the same numbers is kept.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from components import synthetic
from components.synthetic import DrawnFace, contact_sheet, draw_face
from pipelines.runtime.command import run
from pipelines.runtime.outputs import whole_file, whole_folder
from pipelines.runtime.progress import Progress

SCHEME_NAMES = ("ibug68", "wflw98")
JPEG_QUALITY = 95
SHEET_QUALITY = 88
RECIPE = "drawn.json"  # what a folder was drawn from; its presence says that the folder is ours to replace


def face_lines(face: DrawnFace, image: str) -> dict[str, str]:
    """Scheme name -> the JSON line of a face; positions in image px, rounded to 4 decimals."""
    return {name: _line(face, image, name) for name in SCHEME_NAMES}


def _line(face: DrawnFace, image: str, scheme: str) -> str:
    fields = {
        "image": image,
        "landmarks": [[round(float(x), 4), round(float(y), 4)] for x, y in face.landmarks[scheme]],
        "visible": [bool(seen) for seen in face.visible[scheme]],
        "subsets": list(face.subsets),
        "subject": face.subject,
    }
    return json.dumps(fields)


def draw_one(index: int, seed: int, size: int, folder: Path) -> dict[str, str]:
    """Draws one face into folder/images; gives its lines."""
    face = draw_face(seed, index, size)
    image = f"images/{index:06d}.jpg"
    (folder / image).write_bytes(_encoded(face.image, ".jpg", JPEG_QUALITY))
    return face_lines(face, image)


def _encoded(image: np.ndarray, suffix: str, quality: int) -> bytes:
    options = [] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, quality]
    done, data = cv2.imencode(suffix, np.ascontiguousarray(image[:, :, ::-1]), options)
    assert done, f"OpenCV could not encode {suffix}"
    return data.tobytes()


def _work_quietly() -> None:
    cv2.setNumThreads(1)  # the workers share the cores, so OpenCV must not
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C reaches all; the one that waits for them ends them


def _drawn(num_faces: int, seed: int, size: int, workers: int, folder: Path) -> Iterator[dict[str, str]]:
    with multiprocessing.get_context("spawn").Pool(workers, _work_quietly) as pool:
        yield from pool.imap(partial(draw_one, seed=seed, size=size, folder=folder), range(num_faces), chunksize=4)


def draw_folder(folder: Path, num_faces: int, seed: int, size: int = 320, workers: int = 2) -> bool:
    """Draws a folder of faces; gives False where it stood there already.

    Raises:
        ValueError: The folder is somebody else's, or a number makes no sense.
    """
    recipe: dict[str, int | str] = {"num_faces": num_faces, "seed": seed, "size": size, "renderer": renderer_hash()}
    _check(num_faces, seed, size, workers)
    if _stands(folder, recipe):
        return False
    with whole_folder(folder) as unfinished:
        (unfinished / "images").mkdir()
        _write_lines(unfinished, num_faces, _drawn(num_faces, seed, size, workers, unfinished))
        (unfinished / RECIPE).write_text(json.dumps(recipe) + "\n", encoding="utf-8")
    return True


def renderer_hash() -> str:
    """Of the code that draws: faces of an older renderer are drawn again."""
    sources = sorted(Path(synthetic.__path__[0]).glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _check(num_faces: int, seed: int, size: int, workers: int) -> None:
    for name, value, least in (
        ("num-faces", num_faces, 1),
        ("seed", seed, 0),
        ("size", size, 64),
        ("workers", workers, 1),
    ):
        if value < least:
            raise ValueError(f"--{name}: expected at least {least}, got {value}")


def _stands(folder: Path, recipe: dict[str, int | str]) -> bool:
    """Whether the folder was drawn from this recipe; one that is not ours is never touched."""
    if not folder.exists():
        return False
    if not (folder / RECIPE).is_file():
        raise ValueError(
            f"{folder} exists and has no {RECIPE}, so it was not drawn here: name another folder or move it"
        )
    try:
        return json.loads((folder / RECIPE).read_text(encoding="utf-8")) == recipe
    except json.JSONDecodeError as error:
        raise ValueError(f"{folder / RECIPE}: not JSON: {error.msg}; remove the folder to draw it again") from error


def _write_lines(folder: Path, num_faces: int, faces: Iterator[dict[str, str]]) -> None:
    lines: dict[str, list[str]] = {name: [] for name in SCHEME_NAMES}
    progress = Progress("draw", num_faces, "faces")
    for face in faces:
        for name, line in face.items():
            lines[name].append(line)
        progress.advance(1)
    for name, text in lines.items():
        (folder / f"{name}.jsonl").write_text("\n".join(text) + "\n", encoding="utf-8")


def write_sheet(path: Path, scheme: str, seed: int, rows: int, columns: int) -> None:
    """Writes a contact sheet, a PNG or a JPEG."""
    if path.suffix not in (".png", ".jpg", ".jpeg"):
        raise ValueError(f"--sheet {path}: expected a name that ends in .png or .jpg")
    if scheme not in SCHEME_NAMES:
        raise ValueError(f"--scheme {scheme}: expected one of {', '.join(SCHEME_NAMES)}")
    for name, value in (("rows", rows), ("columns", columns)):
        if value < 1:
            raise ValueError(f"--{name}: expected at least 1, got {value}")
    with whole_file(path) as unfinished:
        unfinished.write_bytes(_encoded(contact_sheet(scheme, seed, rows, columns), path.suffix, SHEET_QUALITY))


def main(
    folder: Annotated[Path | None, typer.Argument(help="Where the faces go; made by this command.")] = None,
    num_faces: Annotated[int, typer.Option(help="How many faces; two in a row are of one person.")] = 800,
    seed: Annotated[int, typer.Option(help="Decides every byte.")] = 0,
    size: Annotated[int, typer.Option(help="Side of the pictures, px.")] = 320,
    workers: Annotated[int, typer.Option(help="Processes; they decide nothing but the time.")] = 2,
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet here (.png or .jpg) instead.")] = None,
    scheme: Annotated[str, typer.Option(help="Markup of the contact sheet.")] = "ibug68",
    rows: Annotated[int, typer.Option(help="Rows of the contact sheet.")] = 4,
    columns: Annotated[int, typer.Option(help="Columns of the contact sheet.")] = 6,
) -> None:
    """Draws faces with exact landmarks into a folder, or a contact sheet of them."""
    if sheet is not None:
        write_sheet(sheet, scheme, seed, rows, columns)
        print(f"wrote {sheet}")
        return
    if folder is None:
        raise ValueError("expected a FOLDER to draw into, or --sheet PATH")
    news = draw_folder(folder, num_faces, seed, size, workers)
    print(f"{folder} holds {num_faces} faces" if news else f"{folder} is there already")


if __name__ == "__main__":
    run(main)
