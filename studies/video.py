"""How much do landmarks on a video tremble and lag, by tracking and smoothing, against the exact truth of drawn videos?

    python -m studies.video [--model artifacts/300w_small/model] [--seeds 8] [--frames 75] [--choose]

Each seed is a person who turns and wanders (`heatmark draw --video`), before any video codec, and the same person at rest, where
only the sensor's noise is new in each frame. Jitter is the mean movement of the found landmarks from one frame to the next at
rest, where the true one is 0; the first second, in which filters settle, is left out. Lag is the shift, in frames, by which the
found path fits the true one best, after each landmark's mean offset is taken away. Both distances, and NME, are in inter-ocular
distances. "exponential" is a plain low-pass with a constant weight, chosen to tremble as much as the one-euro filter. The
default model comes from `make retrain RECIPE=recipes/300w_small.yaml DATA=path/to/300w`. With --choose, a grid of the filter's two
parameters on other seeds, those that they were chosen on. Prints Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
import torch
import typer

from components.metrics import PROTOCOLS
from components.samples import tight_boxes
from components.schemes import Scheme
from pipelines.draw_video import SCHEME_NAMES, frames
from pipelines.moving_face import FPS, moving_face, noisy
from pipelines.runtime import command
from pipelines.runtime.progress import Progress
from pipelines.serving.model import Model, load
from pipelines.serving.smoothing import BETA, MIN_CUTOFF_HZ, OneEuro
from pipelines.serving.tracking import Tracker

VALIDATION, TEST = 1000, 2000  # the first seed of each
GRID_HZ, GRID_BETA = (0.25, 0.5, 1.0, 2.0, 4.0), (0.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
SETTLED = int(FPS)
SHIFTS = np.arange(-2.0, 12.01, 0.05)
Smoothing = Callable[[np.ndarray], np.ndarray]


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


def one_euro(path: np.ndarray, min_cutoff_hz: float = MIN_CUTOFF_HZ, beta: float = BETA) -> np.ndarray:
    """A path (T, K, 2) smoothed as `find_in_video` does; after a gap it begins anew."""
    smoothed, smooth = path.copy(), None
    for i, marks in enumerate(path):
        lost = np.isnan(marks).any()
        smooth = None if lost else smooth or OneEuro(FPS, min_cutoff_hz, beta)
        smoothed[i] = marks if smooth is None else smooth(marks)
    return smoothed


def exponential(path: np.ndarray, weight: float) -> np.ndarray:
    """s = weight * x + (1 - weight) * s."""
    smoothed = path.copy()
    for i in range(1, len(path)):
        mixed = weight * path[i] + (1 - weight) * smoothed[i - 1]
        smoothed[i] = np.where(np.isnan(mixed), path[i], mixed)
    return smoothed


def distance_between_eyes(truth: np.ndarray, scheme: Scheme) -> np.ndarray:
    """(T,) of truth (T, K, 2), px."""
    return PROTOCOLS["inter_ocular"].normalise(truth, scheme)


def jitter(path: np.ndarray, truth: np.ndarray, scheme: Scheme) -> float:
    moved = np.linalg.norm(np.diff(path[SETTLED:], axis=0), axis=-1).mean(axis=-1)
    return float(np.nanmean(moved / distance_between_eyes(truth, scheme)[SETTLED + 1 :]))


def error(path: np.ndarray, truth: np.ndarray, scheme: Scheme) -> float:
    apart = np.linalg.norm(path - truth, axis=-1).mean(axis=-1)
    return float(np.nanmean((apart / distance_between_eyes(truth, scheme))[SETTLED:]))


def lag(path: np.ndarray, truth: np.ndarray) -> float:
    """Frames by which a path (T, K, 2) is late; the shift with the least squares of what is left without the mean offset."""
    first, last = SETTLED, len(path) - 3  # whatever the shift, the truth is known there
    times = np.arange(first, last)
    squares = [np.nansum(_centred(path[first:last] - _at(truth, times - shift)) ** 2) for shift in SHIFTS]
    return float(SHIFTS[int(np.argmin(squares))])


def _centred(offsets: np.ndarray) -> np.ndarray:
    return offsets - np.nanmean(offsets, axis=0)


def _at(path: np.ndarray, times: np.ndarray) -> np.ndarray:
    """A path (T, K, 2) at times between its frames."""
    low = np.clip(np.floor(times).astype(int), 0, len(path) - 2)
    part = (times - low)[:, None, None]
    return path[low] * (1 - part) + path[low + 1] * part


def measured(seeds: list[tuple[Paths, Paths]], boxes: str, smooth: Smoothing, scheme: Scheme) -> tuple[float, ...]:
    """Jitter at rest, lag and NME when moving: means over the seeds."""
    rows = [
        (
            jitter(smooth(still.found[boxes]), still.truth, scheme),
            lag(smooth(moved.found[boxes]), moved.truth),
            error(smooth(moved.found[boxes]), moved.truth, scheme),
        )
        for still, moved in seeds
    ]
    return tuple(np.mean(rows, axis=0))


def as_calm(seeds: list[tuple[Paths, Paths]], boxes: str, target: float, scheme: Scheme) -> float:
    """The exponential weight whose jitter is the target's, by halving."""
    low, high = 0.0, 1.0
    for _ in range(30):
        weight = (low + high) / 2
        calm = np.mean([jitter(exponential(still.found[boxes], weight), still.truth, scheme) for still, _ in seeds])
        low, high = (weight, high) if calm < target else (low, weight)
    return (low + high) / 2


def print_table(seeds: list[tuple[Paths, Paths]], scheme: Scheme) -> None:
    print("| boxes | smoothing | jitter at rest | lag, frames | NME, moving |\n| --- | --- | ---: | ---: | ---: |")
    for boxes in ("true", "tracked"):
        filtered = measured(seeds, boxes, one_euro, scheme)
        weight = as_calm(seeds, boxes, filtered[0], scheme)
        plain = measured(seeds, boxes, partial(exponential, weight=weight), scheme)
        for name, row in (
            ("none", measured(seeds, boxes, np.copy, scheme)),
            ("one-euro", filtered),
            (f"exponential, weight {weight:.2f}", plain),
        ):
            print(f"| {boxes} | {name} | {row[0]:.3%} | {row[1]:.2f} | {row[2]:.2%} |")


def print_grid(seeds: list[tuple[Paths, Paths]], scheme: Scheme) -> None:
    print(
        "| min_cutoff, Hz | beta | jitter at rest | lag, frames | NME, moving |\n| ---: | ---: | ---: | ---: | ---: |"
    )
    for hz in GRID_HZ:
        for beta in GRID_BETA:
            row = measured(seeds, "tracked", partial(one_euro, min_cutoff_hz=hz, beta=beta), scheme)
            print(f"| {hz:g} | {beta:g} | {row[0]:.3%} | {row[1]:.2f} | {row[2]:.2%} |")


def main(
    model: Annotated[str, typer.Option(help="Of 68 or 98 landmarks.")] = "artifacts/300w_small/model",
    seeds: Annotated[int, typer.Option(help="How many persons.", min=1)] = 8,
    num_frames: Annotated[int, typer.Option("--frames", help="Of each, 25 a second.", min=SETTLED + 10)] = 75,
    size: Annotated[int, typer.Option(help="Side of the frames, px.", min=64, max=1024)] = 320,
    workers: Annotated[int, typer.Option(help="Processes that draw.", min=1)] = 2,
    choose: Annotated[bool, typer.Option("--choose", help="The filter's parameters on validation seeds.")] = False,
) -> None:
    """Prints jitter, lag and NME."""
    torch.set_num_threads(1)
    finder = load(model)
    if finder.scheme.name not in SCHEME_NAMES:
        raise ValueError(f"--model {model}: its scheme is {finder.scheme.name}; drawn are {', '.join(SCHEME_NAMES)}")
    first = VALIDATION if choose else TEST
    looked, progress = [], Progress("video", seeds, "persons")
    for seed in range(first, first + seeds):
        looked.append(clips(finder, seed, num_frames, size, workers))
        progress.advance(1)
    lost = np.mean([np.isnan(each.found["tracked"][:, 0, 0]) for pair in looked for each in pair])
    speed = np.mean(
        [np.linalg.norm(np.diff(moved.truth, axis=0), axis=-1).mean() / _eyes(moved, finder) for _, moved in looked]
    )
    print(
        f"{seeds} persons, seeds {first} to {first + seeds - 1}, {num_frames} frames of {size} px each at rest and moving by"
    )
    print(f"{speed:.1%} a frame; {lost:.1%} of the tracked faces are lost. {_confidences(looked)}\n")
    (print_grid if choose else print_table)(looked, finder.scheme)


def _confidences(seeds: list[tuple[Paths, Paths]]) -> str:
    """Why `tracking.LOST_BELOW` is what it is."""
    shares = np.concatenate([moved.sure / np.median(moved.sure[:, 0]) for _, moved in seeds])
    low, high = np.quantile(shares[:, 0], [0.05, 0.95])
    beside = np.quantile(shares[:, 1], 0.95)
    return (
        f"Of its own median, a moving face's confidence is {low:.2f} to {high:.2f} in its true box (5% to 95%), and at most "
        f"{beside:.2f} a whole width beside it (95%)"
    )


def _eyes(clip: Paths, model: Model) -> float:
    return float(distance_between_eyes(clip.truth, model.scheme).mean())


if __name__ == "__main__":
    command.run(main)
