"""Bytes of a picture -> RGB pixels, and back to JPEG."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from components.files import check_regular
from components.limits import check_pixels

# Told by content, whatever a file is called. Pillow knows dozens of others, and starts Ghostscript for some.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
# There is one limit, `components.limits`, which can be set. Pillow's own warns below it, and cannot be raised beyond.
Image.MAX_IMAGE_PIXELS = None
BITS, PHOTOMETRIC, TILE_WIDTH, TILE_LENGTH = 258, 262, 322, 323  # TIFF's tags


def decode(data: bytes) -> np.ndarray:
    """Decodes a picture of one of `FORMATS` completely; EXIF orientation is ignored, as the landmarks' authors did.

    Of several frames the first is taken. Pillow, not OpenCV: OpenCV fills the missing part of a truncated file with gray
    and says nothing.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        ValueError: Not a picture, cut off before its end, too large, or of values that no byte can stand for.
    """
    return _decode(io.BytesIO(data))


def _decode(file: BinaryIO) -> np.ndarray:
    try:
        picture = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError("unreadable or truncated image: no known picture format") from None
    except Exception as error:  # as below
        raise _unreadable(error) from error
    with picture:
        _check(picture)
        try:
            return _gray(picture) if picture.mode.startswith("I;16") else np.asarray(picture.convert("RGB"))
        except Exception as error:  # Pillow's formats raise a dozen kinds for a damaged file
            raise _unreadable(error) from error


def _unreadable(error: Exception) -> ValueError:
    return ValueError(f"unreadable or truncated image: {error or type(error).__name__}")


def _check(picture: Image.Image) -> None:
    """Refuses, by what its header declares, a picture that is not worth decoding."""
    check_pixels(picture.height, picture.width, "a picture")
    height, width = (getattr(picture, "tag_v2", {}).get(tag) for tag in (TILE_LENGTH, TILE_WIDTH))
    if isinstance(height, int) and isinstance(width, int):  # a tile is decoded whole, and may exceed its picture
        check_pixels(height, width, "a tile")
    if picture.mode in ("I", "F"):
        # Converting would be a guess: floats run to 1 or to 255, depths to anything; Pillow clips both at 255.
        kind = "floats" if picture.mode == "F" else "signed or 32-bit integers"
        raise ValueError(
            f"its pixels are {kind}, and no file says which is white: save it with 8 or 16 bits per channel"
        )


def _gray(picture: Image.Image) -> np.ndarray:
    """16-bit gray, which Pillow would clip at 255, as (H, W, 3) uint8; a TIFF's may have 12 bits, and white at 0."""
    tags = getattr(picture, "tag_v2", {})
    bits = tags.get(BITS, (16,))[0]
    gray = (np.asarray(picture) >> (bits - 8)).astype(np.uint8)
    return np.stack([255 - gray if tags.get(PHOTOMETRIC) == 0 else gray] * 3, axis=-1)


def read(root: Path, name: str) -> np.ndarray:
    """Reads the picture `name` of the dataset folder `root`, and of no other folder.

    Raises:
        ValueError: It leads out of the folder, is missing, no regular file, unreadable, truncated or too large; the
            message names it.
    """
    path = root / name
    try:
        inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a zero byte
        raise ValueError(f"{name}: unreadable image: its name leads nowhere") from error
    if not inside:
        raise ValueError(f"{name}: leads out of the dataset's folder")
    try:
        check_regular(path)
    except ValueError as error:
        raise ValueError(f"{name}: unreadable image: {error}") from error
    try:
        with path.open("rb") as file:  # not all of its bytes at once: the header says whether they are wanted
            return _decode(file)
    except OSError as error:
        raise ValueError(f"{name}: unreadable image: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def encode_jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """(H, W, 3) uint8 RGB -> JPEG."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def decode_own(data: bytes | np.ndarray) -> np.ndarray:
    """Decodes a JPEG that `encode_jpeg` wrote: OpenCV's fast path, for bytes that are known to be whole.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None, "a stored crop does not decode"
    return pixels


def side_own(data: bytes) -> int:
    """Height of a JPEG that `encode_jpeg` wrote, px; reads its header only."""
    with Image.open(io.BytesIO(data)) as picture:
        return picture.height
