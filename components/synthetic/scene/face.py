"""Draws one face: person, pose, light and mishaps from a seed; picture, landmarks, visibility and tags out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from components.synthetic.paint.body import Clothes
from components.synthetic.paint.light import Light
from components.synthetic.scene.background import draw_background
from components.synthetic.scene.glasses import put_glasses
from components.synthetic.scene.lens import blur, develop
from components.synthetic.scene.moods import draw_expression
from components.synthetic.scene.occluders import Occluder, draw_occluder
from components.synthetic.scene.people import draw_identity
from components.synthetic.scene.render import render
from components.synthetic.scene.setting import draw_camera, draw_clothes, draw_light
from components.synthetic.shape.camera import Camera
from components.synthetic.shape.head import build_head
from components.synthetic.shape.person import Expression, Identity
from components.synthetic.shape.places import landmark_places
from components.synthetic.shape.truth import SCHEME_NAMES, jaw_outline, landmarks, visibility

SUBSETS = ("blur", "expression", "illumination", "occlusion", "pose")
# By these about half of the faces have no difficulty.
_CHANCES = {"blur": 0.10, "expression": 0.15, "illumination": 0.11, "occlusion": 0.13, "pose": 0.14}


@dataclass(frozen=True, eq=False)
class DrawnFace:
    """A drawn face.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        landmarks: Scheme name -> (K, 2) float32, (x, y), image px, 0-based, pixel centres at integers.
        visible: Scheme name -> (K,) bool; False where the head itself, hair or another thing covers it.
        subsets: Sorted names out of `SUBSETS`.
        subject: Who it is; two faces in a row are of one subject.
    """

    image: np.ndarray
    landmarks: dict[str, np.ndarray]
    visible: dict[str, np.ndarray]
    subsets: tuple[str, ...]
    subject: str


@dataclass(frozen=True, eq=False)
class Scene:
    """All that decides a picture but its noise."""

    identity: Identity
    expression: Expression
    camera: Camera
    light: Light
    clothes: Clothes
    occluder: Occluder | None = None
    blurred: bool = False


def draw_face(seed: int, index: int, size: int = 320) -> DrawnFace:
    """The face of this number: the same bytes for the same arguments, in any order and any process."""
    identity = draw_identity(np.random.default_rng([seed, index // 2, 1]))
    rng = np.random.default_rng([seed, index, 2])
    subsets = tags(rng)
    scene = draw_scene(rng, identity, subsets, size)
    return draw(scene, rng, size, subsets, f"identity{index // 2:04d}")


def tags(rng: np.random.Generator) -> tuple[str, ...]:
    """The difficulties that a face is to have; about half of the faces have none."""
    return tuple(name for name in SUBSETS if rng.random() < _CHANCES[name])


def draw_scene(rng: np.random.Generator, identity: Identity, subsets: tuple[str, ...], size: int) -> Scene:
    """A scene with this person in it, that has exactly these difficulties."""
    camera = draw_camera(rng, size, "pose" in subsets)
    return Scene(
        identity=identity,
        expression=draw_expression(rng, "expression" in subsets),
        camera=camera,
        light=draw_light(rng, "illumination" in subsets),
        clothes=draw_clothes(rng),
        occluder=draw_occluder(rng) if "occlusion" in subsets else None,
        blurred="blur" in subsets,
    )


def draw(scene: Scene, rng: np.random.Generator, size: int, subsets: tuple[str, ...], subject: str) -> DrawnFace:
    """The picture of a scene and its truth; rng strews background and noise."""
    head = build_head(scene.identity, scene.expression, scene.camera)
    background = draw_background(rng, size, scene.light.exposure)
    rendered = render(head, scene.camera, scene.light, scene.clothes, background)
    image, covered = (put_glasses(rendered.image, scene.identity, scene.camera, scene.light), rendered.covered)
    if scene.occluder is not None:
        image, covered = scene.occluder.put(image, covered, head, scene.camera, scene.light)
    image = develop(blur(image * np.float32(scene.light.exposure), rng, scene.blurred), rng)
    outline, near = jaw_outline(head), cv2.erode(rendered.depth, np.ones((3, 3), np.uint8))
    places = {name: landmark_places(name, scene.identity, scene.expression) for name in SCHEME_NAMES}
    exact = {name: landmarks(name, head, places[name], outline).astype(np.float32) for name in places}
    visible = {name: visibility(name, head, places[name], outline, near, covered) for name in places}
    return DrawnFace(image, exact, visible, subsets, subject)
