"""Whether landmarks and boxes can be of a face in their picture, whatever reader they come from."""

from __future__ import annotations

import numpy as np

from components.samples import Annotation, Box
from components.schemes import Scheme

# A face that a picture's edge cuts goes on behind it, by less than what is seen: half of it or more is inside, as recipes
# ask, so that one longer side is far more than any face needs. A number in another unit or a slipped digit is beyond.
MAX_OUTSIDE = 1.0  # how far a landmark may lie outside its picture, in longer sides of it
# A detector's box around a face that is cut reaches over the edge, hardly beyond the face itself.
MAX_BOX = 4.0  # longest side of a box, in longer sides of its picture
# Crops are made from the longer side. On 4 px a whole face has fewer cells than landmarks: there is nothing to see.
MIN_BOX = 4.0  # shortest longer side of a box, px


def inside_picture(landmarks: np.ndarray, width: int, height: int) -> np.ndarray:
    """(K, 2), (x, y), image px -> (K,) bool: on the picture, whose edges are at -0.5 and side - 0.5."""
    return np.all((landmarks >= -0.5) & (landmarks < np.array([width, height]) - 0.5), axis=1)


def check_sizes(annotation: Annotation, width: int, height: int) -> None:
    """Refuses landmarks and boxes that cannot be of a face in this picture: `MAX_OUTSIDE`, `MAX_BOX`, `MIN_BOX`.

    Raises:
        ValueError: With the number and the limit.
    """
    longer, face = max(width, height), annotation.face
    low, high = np.array([-0.5, -0.5]), np.array([width, height]) - 0.5
    marks = annotation.landmarks.astype(np.float64)
    outside = np.nanmax(np.maximum(low - marks, marks - high))
    if outside > MAX_OUTSIDE * longer:
        raise ValueError(
            f"{face}: a landmark lies {outside:.4g} px outside its picture of {width} x {height}; "
            f"at most {MAX_OUTSIDE:g} of its longer sides pass"
        )
    boxes = {"box of its landmarks": Box.around(marks), "annotated box": annotation.box}
    for name, side in ((name, max(box.width, box.height)) for name, box in boxes.items() if box is not None):
        if side > MAX_BOX * longer:
            raise ValueError(
                f"{face}: the {name} is {side:.4g} px long in a picture of {width} x {height}; "
                f"at most {MAX_BOX:g} of its longer sides pass"
            )
        if side < MIN_BOX:
            raise ValueError(f"{face}: the {name} is {side:.4g} px long; at least {MIN_BOX:g} px are needed")


def check_eyes(annotation: Annotation, scheme: Scheme) -> None:
    """Refuses a face whose eyes are one point, which no face's are; corners without a position pass.

    Raises:
        ValueError: The outer eye corners coincide.
    """
    right, left = annotation.landmarks[list(scheme.inter_ocular)]
    if np.array_equal(right, left):  # NaN is not
        raise ValueError(f"{annotation.face}: the outer eye corners coincide")
