"""A sheet of drawn faces with their landmarks, to look at."""

from __future__ import annotations

import cv2
import numpy as np

from components.schemes import SCHEMES
from components.synthetic.scene.face import draw_face
from components.synthetic.scene.polygons import FRACTION, fixed
from components.synthetic.shape.truth import SCHEME_NAMES

VISIBLE, HIDDEN, LINE = (70, 255, 120), (255, 70, 60), (255, 255, 255)  # RGB
_OPACITY = 0.4  # of the outlines
_DOT = (0.4, 0.6)  # px, radius of a dot: so much, and so much more at 320 px


def contact_sheet(scheme: str, seed: int = 0, rows: int = 4, columns: int = 6, size: int = 256) -> np.ndarray:
    """(H, W, 3) uint8 RGB: pairs of columns, a face and the same face with its landmarks."""
    if scheme not in SCHEME_NAMES:
        raise ValueError(f"unknown scheme {scheme!r}; known: {', '.join(SCHEME_NAMES)}")
    lines = []
    for row in range(rows):
        cells: list[np.ndarray] = []
        for pair in range((columns + 1) // 2):
            number = row * ((columns + 1) // 2) + pair
            face = draw_face(seed, 2 * number, size)  # every other one: each is somebody else
            cells += [face.image, overlay(face.image, face.landmarks[scheme], face.visible[scheme], scheme)]
        lines.append(np.concatenate(cells[:columns], axis=1))
    return np.concatenate(lines)


def overlay(image: np.ndarray, landmarks: np.ndarray, visible: np.ndarray, scheme: str) -> np.ndarray:
    """An image (H, W, 3) RGB with landmarks (K, 2), (x, y), image px: green ones are visible, red ones hidden."""
    places = fixed(landmarks.astype(np.float64))
    lines = image.copy()
    for outline in SCHEMES[scheme].outlines:
        cv2.polylines(lines, [places[list(outline)]], False, LINE, 1, cv2.LINE_AA, FRACTION)
    canvas = cv2.addWeighted(image, 1.0 - _OPACITY, lines, _OPACITY, 0.0)
    radius = round((_DOT[0] + _DOT[1] * len(image) / 320) * (1 << FRACTION))
    for point, seen in zip(places, visible, strict=True):
        cv2.circle(canvas, point.tolist(), radius, VISIBLE if seen else HIDDEN, -1, cv2.LINE_AA, FRACTION)
    return canvas
