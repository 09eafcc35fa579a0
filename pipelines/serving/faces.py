"""The faces that a model found, with the pictures that they are on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from components.drawing import PREDICTED, draw_landmarks
from components.images import encode_jpeg
from components.schemes import Scheme
from pipelines.runtime.outputs import whole_file

JPEG, PNG = (".jpg", ".jpeg"), (".png",)
JPEG_QUALITY = 92


@dataclass(frozen=True, eq=False)
class Faces:
    """N faces, in the order of their pictures and, on each, of their boxes.

    Attributes:
        landmarks: (N, K, 2) float32, (x, y), image px, pixel centres at integers.
        confidence: (N, K) float32; the more, the surer. Comparable within one model only.
        expected_error: (N, K) float32, how far off each landmark is to be expected, in % of the normaliser of `protocol`; NaN
            where the model does not know. A face's is the mean of its landmarks'.
        protocol: Name of a protocol, whose normaliser `expected_error` is in; "" where the model does not know.
        boxes: (N, 4) float64, x0 y0 x1 y1, image px, around which the faces were looked for.
        picture: (N,) int, which of `pictures` each face is on.
        pictures: (H, W, 3) uint8, RGB.
        scheme: Of the landmarks.
    """

    landmarks: np.ndarray
    confidence: np.ndarray
    expected_error: np.ndarray
    protocol: str
    boxes: np.ndarray
    picture: np.ndarray
    pictures: Sequence[np.ndarray]
    scheme: Scheme

    def __len__(self) -> int:
        return len(self.landmarks)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the K landmarks."""
        return self.scheme.names

    def on(self, picture: int) -> Faces:
        """The faces on one of the pictures."""
        own = self.picture == picture
        of_each = ("landmarks", "confidence", "expected_error", "boxes")
        first = np.zeros(int(own.sum()), int)
        theirs = {name: getattr(self, name)[own] for name in of_each}
        return replace(self, **theirs, picture=first, pictures=[self.pictures[picture]])

    def draw(self, path: Path | str) -> None:
        """Writes the picture with all its faces' landmarks on it, as JPEG or PNG by the name's end.

        Raises:
            ValueError: Another end, more than one picture, or a place that cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in JPEG + PNG:
            raise ValueError(f"{path}: expected a name that ends in {', '.join(JPEG + PNG)}")
        if len(self.pictures) != 1:
            raise ValueError(
                f"{len(self.pictures)} pictures do not fit on one; `faces.on(0).draw(...)` draws the first"
            )
        canvas = self.pictures[0]
        for landmarks in self.landmarks:
            canvas = draw_landmarks(canvas, landmarks, self.scheme, PREDICTED)
        with whole_file(path) as partial:
            partial.write_bytes(encode_jpeg(canvas, JPEG_QUALITY) if path.suffix.lower() in JPEG else _png(canvas))


def _png(pixels: np.ndarray) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    assert done
    return data.tobytes()
