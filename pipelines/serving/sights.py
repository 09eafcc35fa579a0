"""What was seen on each frame of a video, kept in the journal to the last bit: whoever goes on follows the same faces by it, smooths
and draws them as before, and looks only at the frames after.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipelines.serving.faces import Faces
from pipelines.serving.journal import Journal
from pipelines.serving.model import Model
from pipelines.serving.tracking import Sight, Tracker

# Of the faces on a frame: each array with its numbers' type.
ARRAYS = {
    "landmarks": np.float32,
    "confidence": np.float32,
    "expected_error": np.float32,
    "visible": np.float32,
    "boxes": np.float64,
}


class Sights:
    """Looks at the frames of a video one after the other, at those in the journal without the network.

    Args:
        journal: Of this video alone.
        model: That looks.
        name: Of the video.

    Attributes:
        num_noted: Frames that were in the journal before.
    """

    def __init__(self, journal: Journal, model: Model, name: str) -> None:
        self.journal, self.model, self.name = journal, model, name
        self.num_noted = sum(1 for _ in journal.records())
        self._noted: Iterator[Any] = journal.records()

    def look(self, tracker: Tracker, pixels: np.ndarray) -> Sight:
        """What is seen on the next frame (H, W, 3) uint8 RGB; it is in the journal when this returns."""
        line = next(self._noted, None)
        if line is None:
            line = self._line(tracker.look(pixels))
            self.journal.add([line])
        return self._read(line, pixels)  # what was seen just now, too: so that both are the same

    def _line(self, sight: Sight) -> dict[str, Any]:
        arrays = {name: b64encode(getattr(sight.faces, name).astype(kind)).decode() for name, kind in ARRAYS.items()}
        return {"image": self.name, "tracks": sight.tracks.tolist(), **arrays}

    def _read(self, line: dict[str, Any], pixels: np.ndarray) -> Sight:
        count, num_landmarks = len(line["tracks"]), self.model.scheme.num_landmarks
        shapes = {"landmarks": (count, num_landmarks, 2), "boxes": (count, 4)}
        each = {
            name: np.frombuffer(b64decode(line[name]), kind).copy().reshape(shapes.get(name, (count, num_landmarks)))
            for name, kind in ARRAYS.items()
        }
        protocol, scheme = self.model.protocol, self.model.scheme
        faces = Faces(**each, protocol=protocol, picture=np.zeros(count, int), pictures=[pixels], scheme=scheme)
        return Sight(faces, np.array(line["tracks"], int))
