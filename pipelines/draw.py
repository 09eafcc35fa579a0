"""Draws faces: FOLDER/images/*.jpg, one FOLDER/SCHEME.jsonl for each markup, a face a line, and FOLDER/boxes.csv.

Reads nothing. The folder appears whole or not at all, and is the same for any number of workers. A folder that was
drawn from the same numbers is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from components import synthetic
from components.samples import Box
from components.synthetic import DrawnFace, contact_sheet, draw_face
from pipelines.runtime.command import run, take_kill_as_ctrl_c
from pipelines.runtime.environment import STATE
from pipelines.runtime.outputs import alone, whole_file, whole_folder
from pipelines.runtime.processes import in_order, processes
from pipelines.runtime.progress import Progress

SCHEME_NAMES = ("ibug68", "wflw98")
BOXES = "boxes.csv"  # the tight box of the ibug68 landmarks, for people who want to try `heatmark predict`
BOX_COLUMNS = "image,x0,y0,x1,y1"
RECIPE = "drawn.json"  # what a folder was drawn from; its presence says that the folder is ours to replace
JPEG_QUALITY = 95
SHEET_QUALITY = 88

# Name of a number -> the least and the most that is drawn.
LIMITS = {
    "num-faces": (1, 1_000_000),  # pictures' names have six digits
    "frames": (1, 100_000),  # an hour
    "seed": (0, 2**63 - 1),
    "size": (64, 1024),  # a face of 1024 px takes half a GB and some 6 s
    "workers": (1, 256),
    "rows": (1, 32),
    "columns": (1, 32),
}
# A little more than was measured on faces of 128 to 1024 px.
_BYTES_PER_PX, _BYTES_PER_FACE = 0.3, 6000


def lines(face: DrawnFace, image: str) -> dict[str, str]:
    """File name -> the line of a face in it; image px, rounded to 4 decimals."""
    landmarks = {name: np.round(face.landmarks[name].astype(np.float64), 4) for name in SCHEME_NAMES}
    text = {f"{name}.jsonl": _record(face, image, name, landmarks[name]) for name in SCHEME_NAMES}
    return text | {BOXES: ",".join([image, *map(str, Box.around(landmarks["ibug68"]))])}


def _record(face: DrawnFace, image: str, scheme: str, landmarks: np.ndarray) -> str:
    fields = {
        "image": image,
        "landmarks": landmarks.tolist(),
        "visible": face.visible[scheme].tolist(),
        "subsets": list(face.subsets),
        "subject": face.subject,
    }
    return json.dumps(fields)


def draw_one(index: int, seed: int, size: int, folder: Path) -> dict[str, str]:
    """Draws one face into folder/images; gives its lines."""
    face = draw_face(seed, index, size)
    image = f"images/{index:06d}.jpg"
    (folder / image).write_bytes(_encoded(face.image, ".jpg", JPEG_QUALITY))
    return lines(face, image)


def _encoded(image: np.ndarray, suffix: str, quality: int) -> bytes:
    options = [] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, quality]
    done, data = cv2.imencode(suffix, np.ascontiguousarray(image[:, :, ::-1]), options)
    assert done, f"OpenCV could not encode {suffix}"
    return data.tobytes()


def _one_thread() -> None:
    cv2.setNumThreads(1)  # the workers share the cores, so OpenCV must not


def draw_folder(folder: Path, num_faces: int, seed: int, size: int = 320, workers: int = 2) -> bool:
    """Draws a folder of faces; gives False where it stood there already.

    Raises:
        ValueError: A number makes no sense, the folder is somebody else's, or it cannot be written.
    """
    _check({"num-faces": num_faces, "seed": seed, "size": size, "workers": workers})
    recipe: dict[str, int | str] = {"num_faces": num_faces, "seed": seed, "size": size, "renderer": renderer_hash()}
    lock = STATE / f"draw-{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]}.lock"
    try:
        with alone(lock, f"{folder} is being drawn by another process: wait until it has ended"):
            if _stands(folder, recipe):
                return False
            _check_space(folder, num_faces, size)
            with whole_folder(folder) as unfinished, processes(min(workers, num_faces), _one_thread) as pool:
                (unfinished / "images").mkdir()
                draw = partial(draw_one, seed=seed, size=size, folder=unfinished)
                _write(unfinished, num_faces, in_order(pool, draw, range(num_faces), 4 * workers))
                (unfinished / RECIPE).write_text(json.dumps(recipe) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot write {folder}: {error.strerror}") from error
    return True


def renderer_hash() -> str:
    """16 hexadecimal digits of the names and bytes of the code that draws: another renderer's faces are drawn again.

    `components.geometry` is left out: its two conversions are the convention of the whole repository.
    """
    root = Path(synthetic.__path__[0])
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:16]


def _check(numbers: dict[str, int]) -> None:
    for name, value in numbers.items():
        least, most = LIMITS[name]
        if not least <= value <= most:
            raise ValueError(f"--{name}: expected {least} to {most}, got {value}")


def _check_space(folder: Path, num_faces: int, size: int) -> None:
    need = num_faces * (_BYTES_PER_PX * size**2 + _BYTES_PER_FACE)
    above = next(path for path in folder.absolute().parents if path.is_dir())
    free = shutil.disk_usage(above).free
    if need > free:
        sizes = f"{need / 1e9:.1f} GB, and {above} has {free / 1e9:.1f} GB left"
        raise ValueError(f"{num_faces} faces of {size} px need about {sizes}: ask for fewer")


def _stands(folder: Path, recipe: dict[str, int | str]) -> bool:
    """Whether the folder was drawn from this recipe; one that is not ours, or not ours alone, is never touched."""
    if not folder.exists():
        return False
    if not (folder / RECIPE).is_file():
        raise ValueError(
            f"{folder} exists and has no {RECIPE}, so it was not drawn here: name another folder or move it"
        )
    try:
        same = json.loads((folder / RECIPE).read_text(encoding="utf-8")) == recipe
    except ValueError as error:
        raise ValueError(f"{folder / RECIPE}: not JSON: {error}; remove the folder to draw it again") from error
    ours = {RECIPE, BOXES, "images", *(f"{name}.jsonl" for name in SCHEME_NAMES)}
    others = sorted({path.name for path in folder.iterdir() if not path.name.startswith(".")} - ours)
    if others and not same:
        raise ValueError(f"{folder} would be drawn again, but holds {others[0]!r}, which was not drawn: move it away")
    return same


def _write(folder: Path, num_faces: int, faces: Iterator[dict[str, str]]) -> None:
    progress = Progress("draw", num_faces, "faces")
    with ExitStack() as stack:
        names = (BOXES, *(f"{name}.jsonl" for name in SCHEME_NAMES))
        files = {name: stack.enter_context((folder / name).open("w", encoding="utf-8")) for name in names}
        files[BOXES].write(BOX_COLUMNS + "\n")
        for face in faces:
            for name, line in face.items():
                files[name].write(line + "\n")
            progress.advance(1)


def write_sheet(path: Path, scheme: str, seed: int, rows: int, columns: int) -> None:
    """Writes a contact sheet, a PNG or a JPEG.

    Raises:
        ValueError: A name or a number makes no sense, or the file cannot be written.
    """
    if path.suffix not in (".png", ".jpg", ".jpeg"):
        raise ValueError(f"--sheet {path}: expected a name that ends in .png or .jpg")
    if scheme not in SCHEME_NAMES:
        raise ValueError(f"--scheme {scheme}: expected one of {', '.join(SCHEME_NAMES)}")
    _check({"seed": seed, "rows": rows, "columns": columns})
    with whole_file(path) as unfinished:
        unfinished.write_bytes(_encoded(contact_sheet(scheme, seed, rows, columns), path.suffix, SHEET_QUALITY))


def draw_clip(path: Path, frames: int, seed: int, size: int, workers: int) -> None:
    """Draws a video of one face that moves, with its truth beside it.

    Raises:
        ValueError: A name or a number makes no sense, something lies there already, or it cannot be written.
    """
    from pipelines.draw_video import draw_video

    take_kill_as_ctrl_c()
    _check({"frames": frames, "seed": seed, "size": size, "workers": workers})
    try:
        draw_video(path, frames, seed, size, workers)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error


def main(
    folder: Annotated[Path | None, typer.Argument(help="Where the faces go; made by this command.")] = None,
    num_faces: Annotated[int, typer.Option(help="How many, 1 to 1000000; two in a row are of one person.")] = 800,
    seed: Annotated[int, typer.Option(help="Decides every byte.")] = 0,
    size: Annotated[int, typer.Option(help="Side of the pictures, 64 to 1024 px.")] = 320,
    workers: Annotated[int, typer.Option(help="Processes; they decide nothing but the time.")] = 2,
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet here (.png or .jpg) instead.")] = None,
    scheme: Annotated[str, typer.Option(help="Markup of the contact sheet: ibug68 or wflw98.")] = "ibug68",
    rows: Annotated[int, typer.Option(help="Rows of the contact sheet, 1 to 32.")] = 4,
    columns: Annotated[int, typer.Option(help="Columns of the contact sheet, 1 to 32.")] = 6,
    video: Annotated[Path | None, typer.Option(help="Draw a video of one face here (.mp4 or .avi) instead.")] = None,
    frames: Annotated[int, typer.Option(help="Frames of the video, 25 a second, 1 to 100000.")] = 100,
) -> None:
    """Draws faces with exact landmarks into a folder, a contact sheet of them, or a video of one that moves."""
    if sum(place is not None for place in (folder, sheet, video)) != 1:
        raise ValueError("expected one of a FOLDER to draw into, --sheet PATH and --video PATH")
    if video is not None:
        draw_clip(video, frames, seed, size, workers)
        print(f"wrote {video}, with the truth and the first box beside it")
    if sheet is not None:
        write_sheet(sheet, scheme, seed, rows, columns)
        print(f"wrote {sheet}")
    if folder is not None:
        news = draw_folder(folder, num_faces, seed, size, workers)
        print(f"{folder} holds {num_faces} faces" if news else f"{folder} is there already")


if __name__ == "__main__":
    run(main)
