"""Views of a face: landmarks go where the pixels go, and nothing of a view lies outside the stored crop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest

from components.augment import NO_AUGMENT, Augment, Views, draw_views, render_view, view_landmarks, view_visible
from components.configuration import meanings
from components.geometry import apply, invert, similarity
from components.schemes import Scheme

RECIPE = Augment(flip=0.5, rotate=1, rotate_deg=30, scale=0.2, move=1, shift=0.1, colour=0.4, blur=0.2, occlude=0.4)
GEOMETRY = replace(RECIPE, colour=0, blur=0, occlude=0)
STRONG = Augment(flip=0.5, rotate=1, rotate_deg=60, scale=0.5, move=1, shift=0.2, colour=0, blur=0, occlude=0)


def views(augment: Augment, num: int, stored: int = 96, crop: int = 64, seed: int = 0) -> Views:
    return draw_views(augment, np.random.default_rng(seed), num, stored, crop)


def rendered(pixels: np.ndarray, drawn: Views, index: int, crop: int = 64) -> np.ndarray:
    """A view as (H, W, 3)."""
    out = np.empty((3, crop, crop), np.uint8)
    render_view(pixels, drawn, index, crop, out)
    return out.transpose(1, 2, 0)


def noise(side: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8)


def test_without_augmentation_a_view_is_the_middle_of_the_stored_crop() -> None:
    # By hand: of 96 px, the middle 64 are 16 to 79.
    drawn = views(NO_AUGMENT, 1)
    np.testing.assert_array_equal(noise()[16:80, 16:80], rendered(noise(), drawn, 0))
    landmarks = np.array([[[16.0, 79.0], [47.5, 47.5], [0.0, 0.0]]], np.float32)
    np.testing.assert_array_equal([[[0, 63], [31.5, 31.5], [-16, -16]]], view_landmarks(landmarks, drawn, (0, 1, 2)))


def test_a_flipped_view_is_the_mirror_image_and_its_landmarks_change_names(three: Scheme) -> None:
    drawn = views(replace(NO_AUGMENT, flip=1.0), 1)
    np.testing.assert_array_equal(noise()[16:80, 16:80][:, ::-1], rendered(noise(), drawn, 0))
    landmarks = np.array([[[20.0, 30.0], [60.0, 30.0], [41.0, 50.0]]], np.float32)
    # By hand: x - 16, then 63 - x; right and left swap, the nose stays the nose.
    expected = [[[63 - 44, 14], [63 - 4, 14], [63 - 25, 34]]]
    np.testing.assert_array_equal(expected, view_landmarks(landmarks, drawn, three.flip))


def test_flipping_a_view_twice_gives_the_first(three: Scheme) -> None:
    landmarks = np.random.default_rng(0).uniform(20, 70, (1, 3, 2))
    plain, flipped = views(NO_AUGMENT, 1), views(replace(NO_AUGMENT, flip=1.0), 1, stored=64)
    once = view_landmarks(landmarks, plain, three.flip)
    twice = view_landmarks(view_landmarks(once, flipped, three.flip), flipped, three.flip)
    np.testing.assert_allclose(once, twice, atol=1e-9)


@pytest.mark.parametrize("augment", [GEOMETRY, STRONG], ids=["recipe", "strong"])
def test_landmarks_land_where_the_pixels_land(dot: Callable, centroid: Callable, augment: Augment) -> None:
    rng, drawn, compared = np.random.default_rng(1), views(augment, 60, stored=192), 0
    for i in range(60):
        x, y = rng.uniform(70, 122, 2)
        place = view_landmarks(np.array([[[x, y]]]), drawn[i : i + 1], (0,))[0, 0]
        if not (12 < place.min() and place.max() < 51):
            continue  # the dot, of up to 3 px deviation here, is not whole
        compared += 1
        np.testing.assert_allclose(centroid(rendered(dot(192, 192, x, y, 2.0), drawn, i)), place, atol=0.1)
    assert compared > 20


def test_an_odd_difference_of_sides_shifts_nothing(dot: Callable, centroid: Callable) -> None:
    drawn = views(NO_AUGMENT, 1, stored=97)
    place = view_landmarks(np.array([[[50.3, 44.8]]]), drawn, (0,))[0, 0]
    np.testing.assert_allclose(centroid(rendered(dot(97, 97, 50.3, 44.8, 3.0), drawn, 0)), place, atol=0.05)


REACHING = [
    GEOMETRY,
    STRONG,
    replace(NO_AUGMENT, rotate_deg=45, shift=0.3),
    replace(NO_AUGMENT, rotate_deg=20),
    replace(NO_AUGMENT, scale=1.0),
    replace(NO_AUGMENT, shift=0.25),
    NO_AUGMENT,
]


@pytest.mark.parametrize("augment", REACHING, ids=str)
def test_a_stored_crop_of_that_room_shows_no_black_corner(augment: Augment) -> None:
    stored = 64 + 2 * int(np.ceil(64 * (augment.room - 1) / 2))
    drawn, white = views(augment, 500, stored), np.full((stored, stored, 3), 255, np.uint8)
    assert 255 == min(int(rendered(white, drawn, i).min()) for i in range(500))


@pytest.mark.parametrize("augment", REACHING, ids=str)
def test_the_room_holds_the_corners_of_the_farthest_view_and_not_much_more(augment: Augment) -> None:
    stored, crop = 1001, 1000  # large, so that the half pixels at the edges do not count
    corners, farthest = np.array([[x, y] for x in (-0.5, 999.5) for y in (-0.5, 999.5)]), 0.0
    turn = min(augment.rotate_deg, 45.0)  # a square reaches farthest when it stands on its tip
    for angle in (-turn, turn):
        for dx in (-augment.shift, augment.shift):
            for dy in (-augment.shift, augment.shift):
                shift = np.array([[dx, dy]]) * crop
                affine = similarity(
                    np.array([angle]), np.array([1 / (1 + augment.scale)]), shift, np.array([False]), stored, crop
                )
                seen = apply(invert(affine[0]), corners) - (stored - 1) / 2
                farthest = max(farthest, float(np.abs(seen).max()) / crop * 2)
    assert farthest == pytest.approx(augment.room, rel=1e-6)


def test_a_slice_of_the_views_is_the_views_of_a_slice() -> None:
    drawn = views(RECIPE, 12)
    share = drawn[1::3]
    for i, index in enumerate(range(1, 12, 3)):
        np.testing.assert_array_equal(rendered(noise(), drawn, index), rendered(noise(), share, i))
    landmarks = np.random.default_rng(0).uniform(0, 96, (12, 3, 2))
    np.testing.assert_array_equal(
        view_landmarks(landmarks, drawn, (1, 0, 2))[1::3], view_landmarks(landmarks[1::3], share, (1, 0, 2))
    )


def test_equal_seeds_give_equal_views_and_others_do_not() -> None:
    first, again, other = (views(RECIPE, 4, seed=seed) for seed in (0, 0, 1))
    for name in vars(first):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.affine, other.affine)


def test_parameters_stay_within_their_bounds_and_fill_them() -> None:
    drawn = views(GEOMETRY, 2000, stored=96, crop=64)
    # The linear part is the scale times a rotation, mirrored or not.
    linear = drawn.affine[:, :, :2]
    scale = np.sqrt(np.abs(np.linalg.det(linear)))
    angle = np.rad2deg(np.arctan2(linear[:, 1, 0], linear[:, 1, 1]))
    assert 1 / 1.2 - 1e-9 <= scale.min() < 0.84
    assert 1.19 < scale.max() <= 1.2 + 1e-9
    assert -30 - 1e-9 <= angle.min() < -29.5
    assert 29.5 < angle.max() <= 30 + 1e-9
    centre = apply(drawn.affine, np.full((2000, 1, 2), 47.5))[:, 0] - 31.5
    assert 6.3 < np.abs(centre).max() <= 6.4 + 1e-9  # a tenth of 64 px
    assert 0.5 == pytest.approx(drawn.flipped.mean(), abs=0.04)
    np.testing.assert_array_equal(drawn.flipped, np.linalg.det(linear) < 0)


def test_as_many_views_are_blurred_and_hidden_as_was_asked() -> None:
    drawn = views(RECIPE, 2000)
    assert 0.2 == pytest.approx((drawn.blur_px > 0).mean(), abs=0.03)
    hidden = (drawn.occluder[:, 2] > drawn.occluder[:, 0]) & (drawn.occluder[:, 3] > drawn.occluder[:, 1])
    assert 0.4 == pytest.approx(hidden.mean(), abs=0.04)
    assert 0 <= drawn.occluder.min() <= drawn.occluder.max() <= 64
    assert 0.4 * 64 + 1 >= (drawn.occluder[:, 2:] - drawn.occluder[:, :2]).max()


def test_an_occluder_covers_its_rectangle_and_nothing_else() -> None:
    drawn = views(replace(NO_AUGMENT, occlude=1.0), 1)
    x0, y0, x1, y1 = drawn.occluder[0]
    view, plain = rendered(noise(), drawn, 0), noise()[16:80, 16:80].copy()
    assert {tuple(drawn.occluder_colour[0])} == {tuple(pixel) for pixel in view[y0:y1, x0:x1].reshape(-1, 3)}
    plain[y0:y1, x0:x1] = drawn.occluder_colour[0]
    np.testing.assert_array_equal(plain, view)


def test_blur_keeps_the_brightness_and_moves_nothing(dot: Callable, centroid: Callable) -> None:
    picture = dot(96, 96, 47.5, 47.5, 3.0)
    drawn = views(replace(NO_AUGMENT, blur=1.0), 3)
    for i in range(3):
        blurred = rendered(picture, drawn, i)
        np.testing.assert_allclose(centroid(blurred), [31.5, 31.5], atol=0.05)
        assert blurred.max() < picture.max()


def test_colours_change_alike_over_the_whole_view() -> None:
    drawn = views(replace(NO_AUGMENT, colour=0.4), 20)
    view = rendered(noise(), drawn, 0)
    plain = noise()[16:80, 16:80]
    for channel in range(3):  # each level has one new level
        for level in (0, 100, 200):
            assert 1 == len(set(view[..., channel][plain[..., channel] == level].tolist()))
    assert 20 == len({table.tobytes() for table in drawn.table})


@pytest.mark.parametrize("augment", [RECIPE, replace(RECIPE, colour=0)], ids=["colours change", "colours stay"])
def test_a_view_is_its_steps_written_out_and_a_fourth_channel_changes_nothing(augment: Augment) -> None:
    drawn, pixels = views(augment, 40), noise()
    with_alpha = np.concatenate([pixels, np.full((96, 96, 1), 255, np.uint8)], axis=-1)
    blurred = 0
    for index in range(40):
        # Independent: three channels are warped, and every pixel is looked up, whether its table changes anything or not.
        plain = cv2.warpAffine(pixels, drawn.affine[index], (64, 64), flags=cv2.INTER_LINEAR)
        view, x0, y0, x1, y1 = rendered(pixels, drawn, index), *drawn.occluder[index]
        if drawn.blur_px[index] == 0:
            expected = np.stack([drawn.table[index, :, c][plain[..., c]] for c in range(3)], axis=-1)
            expected[y0:y1, x0:x1] = drawn.occluder_colour[index]
            np.testing.assert_array_equal(expected, view)
        blurred += drawn.blur_px[index] > 0
        np.testing.assert_array_equal(view, rendered(with_alpha, drawn, index))
    assert 0 < blurred < 40


def test_colour_tables_never_turn_bright_into_dark() -> None:
    assert (np.diff(views(RECIPE, 50).table.astype(int), axis=1) >= 0).all()


def test_an_augmentation_is_its_configuration() -> None:
    assert RECIPE == Augment(**asdict(RECIPE))


@pytest.mark.parametrize("name", ["flip", "rotate", "move", "blur", "occlude"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_share_is_from_0_to_1(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is {value}: expected 0 to 1 \(it is a share\)$"):
        replace(RECIPE, **{name: value})


@pytest.mark.parametrize("name", ["scale", "shift", "colour"])
@pytest.mark.parametrize("value", [-0.1, float("inf"), float("nan")])
def test_a_change_is_not_below_0(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {value}: expected at least 0$"):
        replace(RECIPE, **{name: value})


@pytest.mark.parametrize("value", [-1, 181])
def test_a_turn_is_from_0_to_180_degrees(value: float) -> None:
    with pytest.raises(ValueError, match=rf"^rotate_deg is {value}: expected 0 to 180 \(degrees to either side\)$"):
        replace(RECIPE, rotate_deg=value)


def test_every_field_has_its_meaning() -> None:
    assert "" not in meanings(Augment).values()


def test_what_is_visible_changes_names_with_the_view_and_hides_under_an_occluder(three: Scheme) -> None:
    drawn = views(replace(NO_AUGMENT, flip=1.0), 1)
    drawn.occluder[0] = 10, 20, 13, 22  # the pixels 10 to 12 and 20 to 21, from 9.5 to 12.5 and from 19.5 to 21.5
    visible = np.array([[1.0, 0.0, 1.0]])
    landmarks = np.array([[[40.0, 30.0], [40.0, 40.0], [12.4, 19.6]]], np.float32)
    # By hand: right and left swap, the third is covered.
    np.testing.assert_array_equal([[0, 1, 0]], view_visible(visible, landmarks, drawn, three.flip, 64))
    landmarks[0, 2] = 12.6, 19.6
    np.testing.assert_array_equal([[0, 1, 1]], view_visible(visible, landmarks, drawn, three.flip, 64))


def test_of_a_landmark_without_a_flag_or_beyond_the_view_nothing_is_said(three: Scheme) -> None:
    drawn = views(NO_AUGMENT, 1)
    drawn.occluder[0] = 0, 0, 64, 64
    landmarks = np.array([[[40.0, 30.0], [63.6, 30.0], [63.4, 30.0]]], np.float32)
    said = view_visible(np.array([[np.nan, 1.0, 1.0]]), landmarks, drawn, three.flip, 64)
    np.testing.assert_array_equal([[np.nan, np.nan, 0]], said)


def test_a_hidden_landmark_without_a_position_is_hidden(three: Scheme) -> None:
    landmarks = np.array([[[np.nan, np.nan], [40.0, 30.0], [40.0, 40.0]]], np.float32)
    said = view_visible(np.array([[0.0, 1.0, np.nan]]), landmarks, views(NO_AUGMENT, 1), three.flip, 64)
    np.testing.assert_array_equal([[0, 1, np.nan]], said)


def test_what_is_called_hidden_under_an_occluder_is_painted_over() -> None:
    drawn = views(replace(NO_AUGMENT, occlude=1.0), 20)
    rows, columns = np.indices((64, 64))
    every = np.stack([columns, rows], -1).reshape(1, -1, 2).repeat(20, axis=0).astype(np.float32)
    said = view_visible(np.ones(every.shape[:2]), every, drawn, tuple(range(64 * 64)), 64).reshape(20, 64, 64)
    for i in range(20):
        painted = (rendered(noise(), drawn, i) != rendered(noise(), views(NO_AUGMENT, 1), 0)).any(axis=-1)
        assert (said[i][painted] == 0).all()
        assert painted.sum() > 0.95 * (said[i] == 0).sum()  # noise of the very colour is rare
