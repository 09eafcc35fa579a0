"""A landmark lies on what it names: measured in the picture, not in the code that placed it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from components.schemes import SCHEMES
from components.synthetic.paint.body import Clothes
from components.synthetic.paint.light import Light
from components.synthetic.scene.face import DrawnFace, Scene, draw
from components.synthetic.scene.occluders import Occluder
from components.synthetic.scene.render import render
from components.synthetic.shape.camera import Camera
from components.synthetic.shape.head import build_head
from components.synthetic.shape.person import TRAITS, Expression, Identity
from components.synthetic.shape.truth import SCHEME_NAMES

SIZE = 320
MIDDLE = (SIZE - 1) / 2
SKIN_FREE = dict.fromkeys(TRAITS, 0.0)


def plain_identity() -> Identity:
    """The mean face without hair, beard or glasses, with dark irises."""
    return Identity(
        shape=SKIN_FREE,
        masculine=0.5,
        age=0.0,
        melanin=0.1,
        ruddy=0.0,
        freckles=0.0,
        iris=np.array([0.02, 0.02, 0.02]),
        hair=np.array([0.02, 0.02, 0.02]),
        hair_style="bald",
        hair_part=0.0,
        beard=0.0,
        brow_thickness=0.25,
        brow_arch=0.1,
        lips=(1.0, 1.0),
        lip_colour=np.array([0.9, 0.02, 0.02]),
        lipstick=True,
        makeup=0.0,
        makeup_colour=np.zeros(3),
        glasses=0.0,
        noise=1,
    )


def plain_scene(yaw: float = 0.0, pitch: float = 0.0, expression: Expression | None = None) -> Scene:
    """A frontal light and a camera straight ahead: nothing differs between left and right."""
    light = Light(np.array([0.0, -0.3, 0.954]), np.ones(3), 0.5 * np.ones(3), 0.4 * np.ones(3), np.zeros(3), 1.0)
    clothes = Clothes(np.array([0.1, 0.2, 0.5]), np.zeros(3), 0.0, 0.0, 13.0)
    camera = Camera(yaw, pitch, 0.0, 8.5, (MIDDLE, 156.0), 90.0)
    return Scene(plain_identity(), expression or Expression(), camera, light, clothes)


def drawn(scene: Scene) -> DrawnFace:
    return draw(scene, np.random.default_rng(0), SIZE, (), "identity0000")


@pytest.fixture(scope="module")
def frontal() -> DrawnFace:
    return drawn(plain_scene(expression=Expression(lids=(1.25, 1.25))))


@pytest.mark.parametrize("scheme", SCHEME_NAMES)
def test_a_mirrored_neutral_face_is_the_permuted_one(scheme: str, frontal: DrawnFace) -> None:
    mirrored = frontal.landmarks[scheme] * np.float32([-1, 1]) + np.float32([SIZE - 1, 0])
    flipped = frontal.landmarks[scheme][list(SCHEMES[scheme].flip)]
    np.testing.assert_allclose(mirrored, flipped, atol=2e-4)


def test_the_two_markups_agree_on_their_common_landmarks(frontal: DrawnFace) -> None:
    """Pairs by the two markups' figures: every second jaw point, brows' upper edges, nose, eye corners, mouth."""
    jaw = [(k, 2 * k) for k in range(17)]
    brows = [(17 + k, 33 + k) for k in range(5)] + [(22 + k, 42 + k) for k in range(5)]
    nose = [(27 + k, 51 + k) for k in range(9)]
    corners = [(36, 60), (39, 64), (42, 68), (45, 72)]
    mouth = [(48 + k, 76 + k) for k in range(20)]
    ibug, wflw = (np.array(side) for side in zip(*(jaw + brows + nose + corners + mouth), strict=True))
    for face in (frontal, drawn(plain_scene(40.0, 8.0))):
        np.testing.assert_array_equal(face.landmarks["ibug68"][ibug], face.landmarks["wflw98"][wflw])


def window(face: DrawnFace, centre: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 3) as float around a place, and their places (n, 2), (x, y)."""
    x0, y0 = np.round(centre).astype(int)
    y, x = np.mgrid[y0 - half : y0 + half + 1, x0 - half : x0 + half + 1]
    return face.image[y, x].reshape(-1, 3).astype(float), np.stack([x.ravel(), y.ravel()], axis=1)


@pytest.mark.parametrize(("pupil", "gaze"), [(96, 0.0), (97, 0.0), (96, 0.25), (97, -0.25)])
def test_a_pupil_is_the_centroid_of_the_dark_iris(pupil: int, gaze: float) -> None:
    face = drawn(plain_scene(expression=Expression(lids=(1.3, 1.3), gaze=(gaze, 0.0))))
    expected = face.landmarks["wflw98"][pupil]
    pixels, places = window(face, expected, 6)
    dark = np.clip(1.0 - pixels.mean(axis=1) / 130.0, 0.0, 1.0)
    column = (dark[:, None] * places).sum(axis=0)[0] / dark.sum()
    assert abs(expected[0] - column) < 1.0  # px; the lid's lashes are dark too, so only x is sharp


def redness(face: DrawnFace) -> np.ndarray:
    return face.image[..., 0].astype(float) - face.image[..., 1]


@pytest.mark.parametrize("landmark", [76, 82])
def test_a_mouth_corner_is_where_the_red_of_the_lips_ends(landmark: int, frontal: DrawnFace) -> None:
    x, y = frontal.landmarks["wflw98"][landmark]
    outward = -1 if landmark == 76 else 1
    band = redness(frontal)[int(y) - 2 : int(y) + 4].max(axis=0)
    red = np.flatnonzero(band > 0.3 * band[160] + 0.7 * band[int(x) + outward * 8])
    end = red.min() if landmark == 76 else red.max()
    assert abs(x - end) < 2.0  # px: the lips taper to less than a pixel there


def test_the_lower_lip_ends_at_its_contour(frontal: DrawnFace) -> None:
    x, y = frontal.landmarks["wflw98"][85]  # middle of the lower contour
    column = redness(frontal)[int(y) - 6 : int(y) + 8, round(x) - 1 : round(x) + 2].mean(axis=1)
    edge = int(y) - 6 + np.argmin(np.diff(column)) + 0.5
    assert abs(y - edge) < 1.0  # px


def silhouette(scene: Scene) -> np.ndarray:
    """(SIZE, SIZE), 0..1: how much of each pixel is head, before any lens."""
    head = build_head(scene.identity, scene.expression, scene.camera)
    white = replace(scene.light, key=np.zeros(3), sky=np.zeros(3), ground=np.zeros(3))
    return 1.0 - render(head, scene.camera, white, scene.clothes, np.ones((SIZE, SIZE, 3), np.float32)).image.max(
        axis=2
    )


@pytest.mark.parametrize("yaw", [30.0, 45.0, 60.0])
def test_the_far_jaw_lies_on_the_outline_of_a_turned_face(yaw: float) -> None:
    """The image-right jaw is the far one when the nose turns right."""
    face, cover = drawn(plain_scene(yaw)), silhouette(plain_scene(yaw))
    for x, y in face.landmarks["wflw98"][[20, 21, 22]]:
        row = cover[round(float(y))]
        start = int(x) - 10
        edge = start + row[start : int(x) + 12].sum() - 0.5  # skin fills the pixels up to the edge
        assert abs(x - edge) < 1.2  # px


def test_at_60_degrees_the_far_eye_corner_is_hidden_and_the_near_eye_is_not() -> None:
    turned = drawn(plain_scene(60.0))
    assert not turned.visible["wflw98"][72]  # outer corner of the image-right eye
    assert turned.visible["wflw98"][60:68].all()
    assert turned.visible["wflw98"].mean() > 0.6


def test_nothing_is_hidden_on_a_frontal_bald_face(frontal: DrawnFace) -> None:
    assert frontal.visible["wflw98"].all()
    assert frontal.visible["ibug68"].all()


def test_a_mask_hides_the_mouth_and_not_the_eyes() -> None:
    masked = drawn(replace(plain_scene(), occluder=Occluder("mask", 1)))
    assert not masked.visible["wflw98"][76:96].any()
    assert masked.visible["wflw98"][60:76].all()


def test_shut_lids_meet() -> None:
    face = drawn(plain_scene(expression=Expression(lids=(0.0, 0.0))))
    upper, lower = (face.landmarks["wflw98"][[61, 62, 63]], face.landmarks["wflw98"][[67, 66, 65]])
    assert np.abs(upper - lower).max() < 1.2  # px
