"""Bytes of a picture -> RGB pixels, and back to JPEG."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError


def decode(data: bytes) -> np.ndarray:
    """Decodes any common picture format completely; EXIF orientation is ignored, as the landmarks' authors did.

    Pillow, not OpenCV: OpenCV fills the missing part of a truncated file with gray and says nothing.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        ValueError: Not a picture, or cut off before its end.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.mode.startswith("I;16"):  # Pillow would clip 16-bit gray at 255
                return np.stack([(np.asarray(picture) >> 8).astype(np.uint8)] * 3, axis=-1)
            return np.asarray(picture.convert("RGB"))
    except UnidentifiedImageError:
        raise ValueError("unreadable or truncated image: no known picture format") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"unreadable or truncated image: {error}") from error


def read(root: Path, name: str) -> np.ndarray:
    """Reads the picture `name` of the dataset folder `root`, and of no other folder.

    Raises:
        ValueError: It leads out of the folder, is missing, unreadable or truncated; the message names it.
    """
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{name}: leads out of the dataset's folder")
    try:
        return decode(path.read_bytes())
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
