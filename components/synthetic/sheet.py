"""A sheet of drawn faces with their landmarks, to look at."""

from __future__ import annotations

import cv2
import numpy as np

from components.schemes import SCHEMES
from components.synthetic.face import draw_face
from components.synthetic.truth import SCHEME_NAMES

VISIBLE, HIDDEN, LINE = (70, 255, 120), (255, 70, 60), (255, 255, 255)
_SHIFT = 4


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


def overlay(image: np.ndarray, landmarks: np.ndarray, visible: np.ndarray, scheme: str, zoom: int = 1) -> np.ndarray:
    """An image (H, W, 3) RGB enlarged zoom times, with landmarks (K, 2) in its px: green ones are visible."""
    height, width = image.shape[:2]
    canvas = cv2.resize(image, (width * zoom, height * zoom), interpolation=cv2.INTER_CUBIC)
    places = (landmarks.astype(np.float64) + 0.5) * zoom - 0.5
    fixed = np.round(places * (1 << _SHIFT)).astype(np.int32)
    lines = canvas.copy()
    for outline in SCHEMES[scheme].outlines:
        cv2.polylines(lines, [fixed[list(outline)]], False, LINE, 1, cv2.LINE_AA, _SHIFT)
    canvas = cv2.addWeighted(canvas, 0.6, lines, 0.4, 0.0)
    radius = round((0.4 + 0.6 * zoom * height / 320) * (1 << _SHIFT))
    for point, seen in zip(fixed, visible, strict=True):
        cv2.circle(canvas, point.tolist(), radius, VISIBLE if seen else HIDDEN, -1, cv2.LINE_AA, _SHIFT)
    return canvas
