"""What a face looks like, in 256 bits: much the same for a copy that was encoded, resized, cropped or marked again.

The face is hashed, not its picture: a picture that was cropped, or that shows two faces, is another picture, but the square
around the landmarks has the same in it. `heatmark study twins` measures how far copies lie, and how near strangers come.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import imagehash
import numpy as np
from PIL import Image

from components.crops import crop_face
from components.datasets import DATASETS
from components.samples import Box

# A square of this many longer sides of the landmarks' box, and of this side, px: the hash makes 64 px of it.
EXPAND, SIDE = 1.3, 128
# Frequencies in each direction.
FREQUENCIES = 16
BYTES = FREQUENCIES**2 // 8
# Hashes that were made otherwise do not compare.
MADE = f"{EXPAND} {SIDE} {FREQUENCIES}"
# Pairs that are compared at once: 32 bytes each, twice.
PAIRS_AT_ONCE = 1 << 22


def hash_face(picture: np.ndarray, landmarks: np.ndarray) -> tuple[bytes, bytes]:
    """The perceptual hash (pHash: the signs of a cosine transform's low frequencies about their median) of a face.

    Args:
        picture: (H, W, 3) uint8, RGB.
        landmarks: (K, 2), (x, y), px of the picture.

    Returns:
        Of the face and of its mirror image, `BYTES` each.

    Raises:
        ValueError: The landmarks have no extent.
    """
    face = crop_face(picture, Box.around(landmarks), landmarks, SIDE, EXPAND).pixels
    return _hash(face), _hash(face[:, ::-1])


def hash_faces(faces: Sequence[tuple[str, np.ndarray]], folder: Path, reader: str) -> list[bytes]:
    """The hashes of faces and of their mirror images, one after the other; nothing of a face that cannot be read.

    Args:
        faces: Name of the picture, and landmarks (K, 2) on it; faces of one picture stand together.
        folder: Of their dataset.
        reader: Of the dataset.
    """
    hashes = []
    name, picture = "", np.zeros((0, 0, 3), np.uint8)
    for image, landmarks in faces:
        try:
            if image != name:
                picture = DATASETS[reader].picture(folder, image)
                name = image
            hashes.append(b"".join(hash_face(picture, landmarks)))
        except (ValueError, OSError):  # ingest rejects it, and says why
            hashes.append(b"")
    return hashes


def one_thread() -> None:
    """How a worker begins: the workers share the cores, so OpenCV must not."""
    cv2.setNumThreads(1)


def _hash(face: np.ndarray) -> bytes:
    bits = imagehash.phash(Image.fromarray(np.ascontiguousarray(face)), hash_size=FREQUENCIES).hash
    return np.packbits(bits).tobytes()


def distances(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """In how many of 256 bits each hash differs from each other one.

    Args:
        ours: (N, BYTES) uint8.
        theirs: (M, BYTES) uint8.

    Returns:
        (N, M) uint16.
    """
    words = [np.ascontiguousarray(hashes).view(np.uint64) for hashes in (ours, theirs)]
    return np.bitwise_count(words[0][:, None] ^ words[1][None]).sum(axis=-1, dtype=np.uint16)


def near(ours: np.ndarray, theirs: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of hashes that differ in at most so many bits.

    Args:
        ours: (N, BYTES) uint8.
        theirs: (M, BYTES) uint8.
        most: Bits.

    Returns:
        Rows of the first, rows of the second, and their distances, (P,) each.
    """
    step = max(1, PAIRS_AT_ONCE // max(1, len(theirs)))
    found = [np.zeros((3, 0), np.int64)]
    for first in range(0, len(ours), step):
        apart = distances(ours[first : first + step], theirs)
        row, column = np.nonzero(apart <= most)
        found.append(np.stack([row + first, column, apart[row, column]]))
    rows, columns, bits = np.concatenate(found, axis=1)
    return rows, columns, bits
