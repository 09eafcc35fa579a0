"""The nearest twins side by side, for people to look at: is it the same face?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from components.crops import crop_face
from components.datasets import DATASETS
from components.samples import Box
from components.text import printable
from pipelines.runtime.outputs import whole_file

if TYPE_CHECKING:
    from pipelines.new_data.twins import Pair, Twin

NUM_PAIRS, COLUMNS = 24, 3
# A face's side, the height of a line of text, and the room between pairs, px; a face has its surroundings, to be told by.
SIDE, LINE, GAP = 180, 14, 16
EXPAND = 2.0
LONGEST = 58  # characters below a pair


def write_sheet(path: Path, pairs: Sequence[Pair]) -> None:
    """Writes the first pairs as a JPEG: each with how far apart it is, and who it is."""
    shown = pairs[:NUM_PAIRS]
    width, height = 2 * SIDE + GAP, SIDE + 3 * LINE + GAP
    columns = min(COLUMNS, len(shown))
    sheet = Image.new("RGB", (columns * width + GAP, -(-len(shown) // columns) * height + GAP), "white")
    for i, pair in enumerate(shown):
        _draw(sheet, GAP + i % columns * width, GAP + i // columns * height, pair)
    with whole_file(path) as partial:
        sheet.save(partial, "JPEG", quality=90)


def _draw(sheet: Image.Image, x: int, y: int, pair: Pair) -> None:
    for i, face in enumerate((pair.one, pair.other)):
        sheet.paste(Image.fromarray(_cut(face)), (x + i * SIDE, y))
    lines = (
        f"{pair.bits} of 256 bits apart{', mirrored' if pair.mirrored else ''}",
        *map(_said, (pair.one, pair.other)),
    )
    for i, line in enumerate(lines):
        ImageDraw.Draw(sheet).text((x, y + SIDE + i * LINE), line, fill="black")


def _said(face: Twin) -> str:
    # The built-in letters are Latin alone.
    name = printable(str(face)).encode("ascii", "backslashreplace").decode()
    return f"{face.split}: {name if len(name) <= LONGEST else '...' + name[-LONGEST:]}"


def _cut(face: Twin) -> np.ndarray:
    marks = face.annotation.landmarks
    picture = DATASETS[face.faces.reader].picture(face.faces.folder, face.annotation.image)
    return crop_face(picture, Box.around(marks), marks, SIDE, EXPAND).pixels
