"""Where landmarks are and were found on drawn videos: of persons at rest, and of the same persons moving."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from components.samples import tight_boxes
from pipelines.draw_video import frames
from pipelines.moving_face import FPS, moving_face, noisy
from pipelines.serving.model import Model
from pipelines.serving.tracking import Tracker


@dataclass(frozen=True, eq=False)
class Paths:
    """Where landmarks are and were found in the T frames of a clip.

    Attributes:
        truth: (T, K, 2), (x, y), px.
        found: "true" or "tracked", the boxes -> (T, K, 2); NaN where a face was lost.
        sure: (T, 2), mean confidence in the true box, and in one that lies a whole width beside it.
    """

    truth: np.ndarray
    found: dict[str, np.ndarray]
    sure: np.ndarray


def paths(model: Model, clip: Iterable[tuple[np.ndarray, np.ndarray]]) -> Paths:
    """Looks at the frames of a clip, (pixels, true landmarks) each, both ways."""
    tracker, truth, found, sure = None, [], {"true": [], "tracked": []}, []  # type: ignore[var-annotated]
    for number, (pixels, marks) in enumerate(clip):
        box = tight_boxes(marks[None].astype(np.float64))
        tracker = tracker or Tracker(model, box, FPS)
        faces = tracker.follow(number, pixels).faces
        both = model.find(pixels, np.concatenate([box, _beside(box, pixels)]))
        truth.append(marks)
        sure.append(both.confidence.mean(axis=1))
        found["true"].append(both.landmarks[0])
        found["tracked"].append(faces.landmarks[0] if len(faces) else np.full_like(marks, np.nan))
    return Paths(np.stack(truth), {name: np.stack(each) for name, each in found.items()}, np.stack(sure))


def _beside(box: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """A box (1, 4) moved by its width, towards the further edge of the frame."""
    width, rightwards = box[0, 2] - box[0, 0], box[0, 0] + box[0, 2] < pixels.shape[1]
    return box + np.array([1, 0, 1, 0]) * (width if rightwards else -width)


def clips(model: Model, seed: int, num_frames: int, size: int, workers: int) -> tuple[Paths, Paths]:
    """A seed's person at rest, and moving."""
    moving, scheme = moving_face(seed, size), model.scheme.name
    rest, rng = moving.without_noise(0.0), np.random.default_rng([seed, 7])
    still = ((noisy(rest.image, rng), rest.landmarks[scheme]) for _ in range(num_frames))
    moved = ((face.image, face.landmarks[scheme]) for face in frames(moving, num_frames, workers))
    return paths(model, still), paths(model, moved)
