"""Box to crop and back: where the edges go, and which pixels are seen."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.crops import crop_affine, crop_face, cut
from components.geometry import apply, invert
from components.samples import Box

places = st.floats(-200, 200)
sides = st.floats(2, 300)


def at(affine: np.ndarray, x: float, y: float) -> list[float]:
    return apply(affine, np.array([[x, y]], np.float64))[0].tolist()


def test_edges_map_to_edges_and_the_centre_to_the_centre() -> None:
    affine = crop_affine(Box(10, 20, 30, 40), size=40, expand=1.0)
    # By hand: 20 px become 40; the crop's 40 pixels reach from -0.5 to 39.5.
    assert [-0.5, -0.5] == at(affine, 10, 20)
    assert [39.5, 39.5] == at(affine, 30, 40)
    assert [19.5, 19.5] == at(affine, 20, 30)


def test_expand_is_the_crops_side_in_longer_sides_of_the_box() -> None:
    affine = crop_affine(Box(10, 20, 30, 30), size=40, expand=2.0)
    # By hand: longer side 20, so the crop is 40 px of the picture around (20, 25), and nothing is scaled.
    assert [-0.5, -0.5] == at(affine, 0, 5)
    assert [39.5, 39.5] == at(affine, 40, 45)


@pytest.mark.parametrize("box", [Box(0, 0, 20, 10), Box(0, 0, 10, 20)])
def test_a_crop_is_not_stretched(box: Box) -> None:
    affine = crop_affine(box, size=64, expand=1.3)
    assert affine[0, 0] == affine[1, 1] == pytest.approx(64 / 26)
    assert 0 == affine[0, 1] == affine[1, 0]


@given(places, places, sides, sides, places, places)
def test_into_a_crop_and_back_is_the_identity(
    x0: float, y0: float, width: float, height: float, x: float, y: float
) -> None:
    affine = crop_affine(Box(x0, y0, x0 + width, y0 + height), size=128, expand=1.3)
    np.testing.assert_allclose(at(invert(affine), *at(affine, x, y)), [x, y], atol=1e-6)


@pytest.mark.parametrize(
    "box",
    [
        Box(5, 5, 5, 9),
        Box(5, 5, 9, 5),
        Box(9, 5, 5, 9),
        Box(0, 0, np.nan, 1),
        Box(0, 0, np.inf, 1),
        Box(-np.inf, 0, 0, 1),
    ],
)
def test_a_box_without_area_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="box without area"):
        crop_affine(box, size=128, expand=1.3)


def test_a_box_without_area_is_named() -> None:
    with pytest.raises(ValueError, match="^" + re.escape("box without area: (5, 5, 5, 9.3)") + "$"):
        crop_affine(Box(5, 5, 5, 9.26), size=128, expand=1.3)


def test_the_identity_cuts_every_pixel_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    np.testing.assert_array_equal(image[:16, :16], cut(image, np.eye(2, 3), 16))


def test_a_whole_shift_cuts_every_pixel_as_it_is_and_black_outside() -> None:
    image = np.random.default_rng(0).integers(1, 256, (20, 30, 3)).astype(np.uint8)
    shifted = cut(image, np.array([[1.0, 0, 4], [0, 1, 6]]), 16)
    np.testing.assert_array_equal(image[:10, :12], shifted[6:, 4:])
    assert 0 == shifted[:6].max() == shifted[:, :4].max()


def test_half_a_pixel_is_the_mean_of_two() -> None:
    image = np.zeros((1, 4, 3), np.uint8)
    image[0, :, :] = np.array([0, 100, 200, 40])[:, None]
    # By hand: bilinear, crop px i is picture px i + 0.5.
    assert [50, 150, 120] == cut(image, np.array([[1.0, 0, -0.5], [0, 1, 0]]), 3)[0, :, 0].tolist()


@pytest.mark.parametrize("side", [20, 37.7, 100, 150.3, 226])
def test_what_is_seen_lands_where_landmarks_land(dot: Callable, centroid: Callable, side: float) -> None:
    # From enlarged to reduced to less than a third: a dot and its landmark stay together.
    x, y = 118.3, 131.6
    image = dot(260, 240, x, y, sigma=side / 12)
    crop = crop_face(
        image, Box(x - side / 2 - 3, y - side / 2, x + side / 2 - 3, y + side / 2), np.array([[x, y]]), 64, 1.0
    )
    np.testing.assert_allclose(centroid(crop.pixels), crop.landmarks[0], atol=0.05)


@pytest.mark.parametrize("size", [64, 70, 100, 128, 150, 199])
def test_strong_reduction_keeps_a_block_where_it_is(centroid: Callable, size: int) -> None:
    image = np.zeros((400, 403, 3), np.uint8)
    image[150:214, 90:138] = 255
    affine = crop_affine(Box(0, 0, 400, 400), size, 1.0)
    # By hand: the block's centre is the middle between its first and last pixel. Its hard edges, reduced by a whole
    # factor and then by three quarters, cost a sixteenth of a px at 150; a grid off by half a px would cost 0.2 or more.
    np.testing.assert_allclose(centroid(cut(image, affine, size)), at(affine, 113.5, 181.5), atol=0.07)


def test_strong_reduction_takes_the_mean_over_the_area() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[:, ::2] = 255
    reduced = cut(image, crop_affine(Box(0, 0, 400, 400), 100, 1.0), 100)
    # By hand: stripes of 0 and 255 of one px each, 4 to a pixel; bilinear sampling alone would see one or two of them.
    np.testing.assert_allclose(reduced[2:-2, 2:-2], 127.5, atol=1)


def test_a_picture_smaller_than_the_reduction_is_still_cut() -> None:
    # Its only two rows are fewer than the 20 that are averaged to one.
    assert (10, 10, 3) == cut(np.full((2, 300, 3), 200, np.uint8), crop_affine(Box(0, 0, 200, 200), 10, 1.0), 10).shape


def test_outside_the_picture_it_is_black() -> None:
    crop = crop_face(np.full((50, 50, 3), 255, np.uint8), Box(100, 100, 120, 120), np.zeros((1, 2)), 32, 1.3)
    assert 0 == crop.pixels.max()


def test_a_crop_says_how_it_was_cut() -> None:
    landmarks = np.array([[10, 20], [30, 40]], np.float32)
    crop = crop_face(np.zeros((50, 50, 3), np.uint8), Box.around(landmarks), landmarks, 40, 1.0)
    # By hand, as above: corners of the box to corners of the crop.
    assert [[-0.5, -0.5], [39.5, 39.5]] == crop.landmarks.tolist()
    np.testing.assert_allclose(apply(invert(crop.affine), crop.landmarks), landmarks)
    assert ((40, 40, 3), np.uint8, np.float32) == (crop.pixels.shape, crop.pixels.dtype, crop.landmarks.dtype)
