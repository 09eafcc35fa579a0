"""Affines and the one pair of functions between crop px and cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.geometry import (
    apply,
    compose,
    enlarge,
    enlargement,
    from_cells,
    into_unit,
    invert,
    out_of_unit,
    similarity,
    to_cells,
)

coordinates = st.floats(-500, 500)
angles = st.floats(-180, 180)
scales = st.floats(0.2, 5)


def view(
    angle_deg: float, scale: float, shift: tuple[float, float], flip: bool, source: int, target: int
) -> np.ndarray:
    """The affine (2, 3) of a single view."""
    return similarity(np.array([angle_deg]), np.array([scale]), np.array([shift]), np.array([flip]), source, target)[0]


@pytest.mark.parametrize(
    ("x", "cell"),
    # By hand, stride 4: cell 0 covers -0.5 to 3.5 and so is centred on 1.5; cell 3 is centred on 13.5.
    [(1.5, 0.0), (-0.5, -0.5), (3.5, 0.5), (13.5, 3.0), (14.5, 3.25), (0.0, -0.375)],
)
def test_a_cell_is_centred_on_its_index(x: float, cell: float) -> None:
    assert cell == to_cells(np.array(x), 4)
    assert x == from_cells(np.array(cell), 4)


@given(st.lists(coordinates, min_size=1, max_size=8), st.sampled_from([1, 2, 4, 8]))
def test_cells_round_trip(values: list[float], stride: int) -> None:
    x = np.array(values)
    np.testing.assert_allclose(from_cells(to_cells(x, stride), stride), x, atol=1e-9)


def test_cells_are_the_same_in_numpy_and_in_torch() -> None:
    x = np.array([[0.0, 7.25], [13.5, -3.0]], np.float32)
    np.testing.assert_array_equal(to_cells(x, 4), to_cells(torch.from_numpy(x), 4).numpy())


def test_an_affine_moves_x_by_its_first_row_and_y_by_its_second() -> None:
    affine = np.array([[2.0, 0.0, 10.0], [0.0, 3.0, 20.0]])
    # By hand: 2 * 1 + 10, 3 * 2 + 20.
    assert [[12.0, 26.0]] == apply(affine, np.array([[1.0, 2.0]])).tolist()


def test_landmarks_keep_their_type() -> None:
    assert np.float32 == apply(np.eye(2, 3), np.zeros((4, 2), np.float32)).dtype


def test_a_stack_of_affines_moves_each_face_by_its_own() -> None:
    affines = np.stack([np.eye(2, 3), np.array([[1.0, 0, 5], [0, 1, 0]])])
    moved = apply(affines, np.ones((2, 3, 2)))
    np.testing.assert_array_equal([[[1, 1]] * 3, [[6, 1]] * 3], moved)


@given(angles, scales, coordinates, coordinates, coordinates, coordinates)
def test_an_affine_and_its_inverse_are_the_identity(
    angle: float, scale: float, dx: float, dy: float, x: float, y: float
) -> None:
    affine = view(angle, scale, (dx, dy), False, 64, 32)
    there = apply(affine, np.array([[x, y]]))
    np.testing.assert_allclose(apply(invert(affine), there), [[x, y]], atol=1e-6)


def test_a_scale_of_zero_has_no_inverse() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        invert(np.zeros((2, 3)))


@given(angles, scales, coordinates, coordinates)
def test_compose_does_the_first_then_the_second(angle: float, scale: float, x: float, y: float) -> None:
    first, second = view(angle, scale, (3, -2), False, 64, 32), np.array([[1.0, 0.5, 7.0], [0.0, 2.0, -1.0]])
    at = np.array([[x, y]])
    np.testing.assert_allclose(apply(compose(second, first), at), apply(second, apply(first, at)), atol=1e-6)


def test_a_plain_view_cuts_the_middle() -> None:
    # By hand: of 8 px, the middle 4 are 2 to 5.
    np.testing.assert_allclose(apply(view(0, 1, (0, 0), False, 8, 4), np.array([[2.0, 5.0]])), [[0.0, 3.0]])


def test_a_positive_angle_turns_clockwise_as_seen() -> None:
    # By hand, about the centre (2, 2): what is right of it comes to lie below it.
    np.testing.assert_allclose(
        apply(view(90, 1, (0, 0), False, 5, 5), np.array([[4.0, 2.0]])), [[2.0, 4.0]], atol=1e-12
    )


def test_a_scale_above_one_enlarges_about_the_centre() -> None:
    # By hand: 1 px right of the centre (2, 2) becomes 3 px.
    np.testing.assert_allclose(apply(view(0, 3, (0, 0), False, 5, 5), np.array([[3.0, 2.0]])), [[5.0, 2.0]], atol=1e-12)


def test_a_shift_is_in_view_px_and_applied_after_the_scale() -> None:
    np.testing.assert_allclose(
        apply(view(0, 3, (1, -2), False, 5, 5), np.array([[2.0, 2.0]])), [[3.0, 0.0]], atol=1e-12
    )


@given(angles, scales, coordinates, coordinates, coordinates, coordinates)
def test_a_flip_mirrors_the_finished_view(angle: float, scale: float, dx: float, dy: float, x: float, y: float) -> None:
    plain = apply(view(angle, scale, (dx, dy), False, 64, 32), np.array([[x, y]]))
    mirrored = apply(view(angle, scale, (dx, dy), True, 64, 32), np.array([[x, y]]))
    np.testing.assert_allclose([[31 - plain[0, 0], plain[0, 1]]], mirrored, atol=1e-9)


def test_enlarging_keeps_the_edges_and_not_the_pixels_centres() -> None:
    # By hand, 10 px enlarged 2.5 times to 25: the edges are -0.5 and 9.5 -> 24.5; the middle of the first px -> 0.75.
    assert [-0.5, 24.5, 0.75] == enlarge(np.array([-0.5, 9.5, 0.0]), 2.5).tolist()


def test_enlarging_by_a_factor_for_each_axis() -> None:
    # By hand: x (3 + 0.5) * 2 - 0.5, y (1 + 0.5) * 4 - 0.5.
    assert [[6.5, 5.5]] == enlarge(np.array([[3.0, 1.0]]), np.array([2.0, 4.0])).tolist()


@given(coordinates, coordinates, st.floats(0.1, 10))
def test_enlarging_is_the_same_as_an_affine(x: float, y: float, factor: float) -> None:
    at = np.array([[x, y]])
    np.testing.assert_allclose(apply(enlargement(factor), at), enlarge(at, factor), atol=1e-9)


def test_the_unit_square_is_a_picture_from_edge_to_edge() -> None:
    # By hand, 8 px: the edges are -0.5 and 7.5, the centre 3.5.
    at = np.array([[-0.5, 7.5], [3.5, 3.5]])
    np.testing.assert_allclose(apply(into_unit(8), at), [[-1, 1], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(apply(out_of_unit(8), apply(into_unit(8), at)), at, atol=1e-12)
