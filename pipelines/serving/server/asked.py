"""What a request asks for: the boxes in its address, and the picture in its body."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np

from components.boxes import boxes_on
from components.images import decode
from pipelines.serving.server.limits import MAX_BOXES, MAX_BYTES
from pipelines.serving.server.refusal import Refusal

NEITHER = "say where the faces are: box=x0,y0,x1,y1 for each, px of the picture, or whole=true if the picture is one face's box"


def boxes_of(box: Sequence[str], whole: bool) -> list[list[float]] | None:
    """The boxes that the parameters name; None for the whole picture.

    Raises:
        Refusal: There is none, there are too many, both ways are taken at once, or one is no box.
    """
    if bool(box) == whole:
        raise Refusal(422, NEITHER + ("; both at once were given" if whole else ""))
    if len(box) > MAX_BOXES:
        raise Refusal(422, f"{len(box)} boxes are too many for one picture: at most {MAX_BOXES}")
    return None if whole else [_box(text) for text in box]


def _box(text: str) -> list[float]:
    try:
        x0, y0, x1, y1 = (float(side) for side in text.split(","))
    except ValueError:
        raise Refusal(422, f"box={text[:60]}: expected x0,y0,x1,y1, four numbers, px of the picture") from None
    return [x0, y0, x1, y1]


async def body_of(chunks: AsyncIterator[bytes], declared: str | None) -> bytes:
    """The body of a request, of which no more than the limit is ever held.

    Raises:
        Refusal: It is empty or too large.
    """
    too_large = Refusal(413, f"the picture's file is larger than {MAX_BYTES // 1_000_000} MB")
    if declared is not None and declared.isdecimal() and int(declared) > MAX_BYTES:
        raise too_large
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        if len(held) > MAX_BYTES:
            raise too_large
    if not held:
        raise Refusal(422, "the body is empty: expected the bytes of a picture's file")
    return bytes(held)


def picture_of(body: bytes, boxes: list[list[float]] | None) -> tuple[np.ndarray, np.ndarray]:
    """The picture (H, W, 3) uint8, RGB, and the boxes (F, 4) on it, checked.

    Raises:
        Refusal: The body is no picture, is damaged or too large, or nothing can be found in a box.
    """
    try:
        picture = decode(body)
        return picture, boxes_on(picture, boxes)
    except ValueError as error:
        raise Refusal(422, str(error)) from error
