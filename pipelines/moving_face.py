"""A drawn face that moves: how a head turns, wanders, blinks and speaks over time, with exact landmarks in each frame."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from components.synthetic import DrawnFace
from components.synthetic.scene.face import Scene, draw, draw_scene
from components.synthetic.scene.people import draw_identity
from components.synthetic.shape.camera import Camera
from components.synthetic.shape.person import Expression

FPS = 25.0
# A head is smaller than in a portrait, so that it has room to wander by more than its face.
SHRUNK = 0.7
# Fresh in each frame, of white: the middle of what `components.synthetic.scene.lens` draws for a picture.
NOISE = 0.0075
# The least and the most that a motion reaches to each side, degrees or shares of the picture, and the seconds that it takes
# there and back. None is measured on anyone: a brisk conversation, by eye.
REACH: Mapping[str, tuple[float, float]] = {
    "yaw": (18, 34),
    "pitch": (5, 12),
    "roll": (5, 14),
    "x": (0.16, 0.22),
    "y": (0.04, 0.07),
}
PERIOD_S = (2.4, 4.5)
BLINK_S, BLINKS_EVERY_S = 0.07, (1.5, 3.0)
SPEECH, SYLLABLE_S = 0.22, (0.5, 0.9)


@dataclass(frozen=True)
class Swing:
    """To and fro by a sine: `reach` to each side, once in `period_s`."""

    reach: float
    period_s: float
    phase: float

    def at(self, second: float) -> float:
        return self.reach * math.sin(2 * math.pi * (second / self.period_s + self.phase))


@dataclass(frozen=True, eq=False)
class MovingFace:
    """A person before one background, in one light, who moves; the same for the same numbers.

    Attributes:
        seed: Of person, scene and motion.
        size: Side of the frames, px.
        scene: At rest.
        swings: Name, of `REACH` -> how far the head is from its rest.
        blinks_every_s, syllable_s: Of the eyes and the mouth.
    """

    seed: int
    size: int
    scene: Scene
    swings: Mapping[str, Swing]
    blinks_every_s: float
    syllable_s: float

    def frame(self, number: int) -> DrawnFace:
        """The frame of this number, at `FPS`."""
        face = self.without_noise(number / FPS)
        return replace(face, image=noisy(face.image, np.random.default_rng([self.seed, number, 6])))

    def without_noise(self, second: float) -> DrawnFace:
        """The picture and its truth before noise; background, lens and the sensor's own pattern are the same at any time."""
        scene = replace(self.scene, camera=self._camera(second), expression=self._expression(second))
        return draw(scene, np.random.default_rng([self.seed, 0, 5]), self.size, (), f"identity{self.seed}")

    def _camera(self, second: float) -> Camera:
        rest, moved = self.scene.camera, {name: swing.at(second) for name, swing in self.swings.items()}
        return replace(
            rest,
            yaw=moved["yaw"],
            pitch=moved["pitch"],
            roll=moved["roll"],
            centre=(self.size * (0.5 + moved["x"]), self.size * (0.54 + moved["y"])),
        )

    def _expression(self, second: float) -> Expression:
        rest = self.scene.expression
        since = (second % self.blinks_every_s) - self.blinks_every_s / 2
        open_ = 1 - math.exp(-((since / BLINK_S) ** 2))
        said = rest.jaw + SPEECH * max(0.0, math.sin(2 * math.pi * second / self.syllable_s))
        return replace(rest, lids=(rest.lids[0] * open_, rest.lids[1] * open_), jaw=said)


def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 -> the same under fresh noise of a sensor."""
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(255 * NOISE)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def moving_face(seed: int, size: int) -> MovingFace:
    """The moving face of this seed. The dice are rolled in the order written."""
    identity = draw_identity(np.random.default_rng([seed, 0, 1]))
    rng = np.random.default_rng([seed, 0, 4])
    scene = draw_scene(rng, identity, (), size)
    smaller = replace(scene.camera, scale=scene.camera.scale * SHRUNK)
    swings = {
        name: Swing(float(rng.uniform(*reach)), float(rng.uniform(*PERIOD_S)), float(rng.random()))
        for name, reach in REACH.items()
    }
    blinks, syllable = float(rng.uniform(*BLINKS_EVERY_S)), float(rng.uniform(*SYLLABLE_S))
    return MovingFace(seed, size, replace(scene, camera=smaller), swings, blinks, syllable)
