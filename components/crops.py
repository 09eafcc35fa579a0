"""Box -> square crop, and back to the picture."""

from __future__ import annotations

import cv2
import numpy as np

from components.geometry import apply, compose, enlargement
from components.samples import Box, Crop


def crop_affine(box: Box, size: int, expand: float) -> np.ndarray:
    """The affine (2, 3), image px -> crop px, of the square crop around a box.

    The square has the box's centre and `expand` times its longer side; edges map to edges (-0.5 and size - 0.5).

    Raises:
        ValueError: The box has no area.
    """
    longer = max(box.width, box.height)
    if not (box.width > 0 and box.height > 0 and np.isfinite(longer)):
        raise ValueError(f"box without area: {tuple(round(v, 1) for v in box)}")
    scale = size / (expand * longer)
    centre = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
    return np.column_stack([np.eye(2) * scale, (size - 1) / 2 - scale * centre])


def stored_side(size: int, margin: float) -> int:
    """Side, px, of a stored crop of about `margin` times the network's input of `size` px; both have the same centre on the
    grid, so their sides have the same parity."""
    return size + 2 * round(size * (margin - 1) / 2)


def cut(image: np.ndarray, affine: np.ndarray, size: int) -> np.ndarray:
    """Warps image (H, W, 3) uint8 by an upright affine (2, 3), image px -> crop px; black outside the picture.

    A face that shrinks to less than half is first reduced by a whole factor with area averaging: bilinear sampling
    alone would skip pixels.

    Returns:
        (size, size, 3) uint8.
    """
    factor = int(1 / np.hypot(affine[0, 0], affine[1, 0]))
    if factor >= 2:
        height, width = (side // factor for side in image.shape[:2])
        if min(height, width) > 0:
            # Whole blocks only, so that enlarging the reduced grid gives the picture's own exactly.
            whole = image[: height * factor, : width * factor]
            image = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
            affine = compose(affine, enlargement(factor))
    return cv2.warpAffine(image, affine, (size, size), flags=cv2.INTER_LINEAR)


def crop_face(image: np.ndarray, box: Box, landmarks: np.ndarray, size: int, expand: float) -> Crop:
    """Cuts a face out of its picture.

    Args:
        image: (H, W, 3) uint8.
        box: Image px.
        landmarks: (K, 2), (x, y), image px.
        size: Side of the crop, px.
        expand: Side of the cut square, in longer sides of the box.

    Raises:
        ValueError: The box has no area.
    """
    affine = crop_affine(box, size, expand)
    return Crop(cut(image, affine, size), apply(affine, landmarks), affine)
