"""The faces that a model found, with the pictures that they are on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from components.drawing import PREDICTED, draw_landmarks
from components.images import encode_jpeg
from components.schemes import Scheme
from pipelines.runtime.outputs import whole_file

if TYPE_CHECKING:
    import pandas as pd

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
        visible: (N, K) float32, the probability that each landmark is visible; NaN where the model did not learn it.
        protocol: Name of a protocol, whose normaliser `expected_error` is in; "" where the model does not know.
        boxes: (N, 4) float64, x0 y0 x1 y1, image px, around which the faces were looked for.
        picture: (N,) int, which of `pictures` each face is on.
        pictures: (H, W, 3) uint8, RGB.
        scheme: Of the landmarks.
    """

    landmarks: np.ndarray
    confidence: np.ndarray
    expected_error: np.ndarray
    visible: np.ndarray
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

    @property
    def hidden(self) -> np.ndarray:
        """Which landmarks are hidden rather than visible (N, K), bool; none where the model does not know."""
        return self.visible < 0.5

    def on(self, picture: int) -> Faces:
        """The faces on one of the pictures."""
        own = self.chosen(self.picture == picture)
        return replace(own, picture=np.zeros(len(own), int), pictures=[self.pictures[picture]])

    def chosen(self, which: np.ndarray) -> Faces:
        """Some of the faces: which (N,), bool."""
        per_face = ("landmarks", "confidence", "expected_error", "visible", "boxes", "picture")
        return replace(self, **{name: getattr(self, name)[which] for name in per_face})

    def frame(self) -> pd.DataFrame:
        """A row a face: picture, x0, y0, x1, y1, its mean confidence, its expected error, the share of its landmarks that is expected to be
        visible, and NAME_x and NAME_y of each landmark, image px."""
        import pandas as pd  # here: it takes as long to import as all else together

        columns = {"picture": self.picture, **dict(zip(("x0", "y0", "x1", "y1"), self.boxes.T, strict=True))}
        columns |= {"confidence": self.confidence.mean(axis=1), "expected_error": self.expected_error.mean(axis=1)}
        columns["visible_share"] = self.visible.mean(axis=1)
        for number, name in enumerate(self.names):
            columns |= {f"{name}_x": self.landmarks[:, number, 0], f"{name}_y": self.landmarks[:, number, 1]}
        return pd.DataFrame(columns)

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
        canvas = self.drawn()
        with whole_file(path) as partial:
            partial.write_bytes(encode_jpeg(canvas, JPEG_QUALITY) if path.suffix.lower() in JPEG else _png(canvas))

    def drawn(self) -> np.ndarray:
        """The first picture with all faces' landmarks on it, (H, W, 3) uint8, RGB."""
        canvas = self.pictures[0]
        for landmarks, hidden in zip(self.landmarks, self.hidden, strict=True):
            canvas = draw_landmarks(canvas, landmarks, self.scheme, PREDICTED, hidden=hidden)
        return canvas


def _png(pixels: np.ndarray) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    assert done
    return data.tobytes()
