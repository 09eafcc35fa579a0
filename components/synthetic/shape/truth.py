"""Where the landmarks are in the picture, and which of them can be seen."""

from __future__ import annotations

import numpy as np

from components.geometry import from_cells
from components.synthetic.shape.chart import COLUMNS, ROWS, interpolate, locate
from components.synthetic.shape.head import Head
from components.synthetic.shape.places import jaw
from components.synthetic.shape.surface import normals

SCHEME_NAMES = ("ibug68", "wflw98")
JAW_COUNT = {"ibug68": 17, "wflw98": 33}
_MARCH = np.deg2rad(np.linspace(90.0, 24.0, 84))  # angles from the ear towards the nose where an outline is looked for
_ROUNDS = 3  # each looks outward from the outline that the one before found

# What hides a landmark, by eye; cm towards the camera, and the part of a surface's normal that points there.
_HIDDEN_BEHIND = 0.4
_TURNED_AWAY = -0.05
_JAW_HIDDEN_BEHIND = 1.2
_NOSE_REACH = (3.0, 3.5)  # cm, the middle and half the height of the stretch of the jaw that a nose can hide


def landmarks(scheme: str, head: Head, places: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """(K, 2) float64, (x, y), image px, of a scheme's chart places (K, 2) and the face's `jaw_outline` (33, 3)."""
    points = head.pictured(places)
    jaw_points = _every(outline, scheme)
    points[: len(jaw_points)] = jaw_points[:, :2]
    return points


def _every(outline: np.ndarray, scheme: str) -> np.ndarray:
    """Both schemes' jaws are taken from one outline, so that they agree on their common points."""
    return outline[:: (len(outline) - 1) // (JAW_COUNT[scheme] - 1)]


def jaw_outline(head: Head) -> np.ndarray:
    """(33, 3), (x, y) in image px and depth in cm: the jaw, moved to where the outline of the face is seen.

    The markups are two-dimensional: on the far side of a turned head the jaw itself is hidden, and annotators follow
    the visible outline. "Landmark marching" picks, on the line of the surface through a jaw point, the outermost one.

    Reference: Zhu, Lei, Yan, Yi, Li: High-fidelity pose and expression normalization, CVPR 2015, section 3.
    """
    places = jaw(33)
    sign = np.sign(places[:, 0])
    angle = np.where(sign[:, None] == 0.0, 0.0, sign[:, None] * _MARCH)
    column = np.interp(angle, COLUMNS, np.arange(len(COLUMNS)))
    row = np.interp(np.broadcast_to(places[:, 1:], angle.shape), ROWS, np.arange(len(ROWS)))
    surface = np.concatenate([head.screen, head.view[..., 2:]], axis=-1)
    paths = interpolate(surface, np.stack([column, row], axis=-1))  # (33, M, 3)
    points = paths[:, 0]
    for _ in range(_ROUNDS):
        tangent = np.gradient(points[:, :2], axis=0)
        outward = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
        points = _outermost(paths, outward)
    return points


def _outermost(paths: np.ndarray, outward: np.ndarray) -> np.ndarray:
    """Of each path (K, M, 3), (x, y, depth), the point (K, 3) furthest outward (K, 2), between its vertices."""
    far = np.einsum("kmi,ki->km", paths[..., :2], outward)
    best = np.argmax(far, axis=1)
    last = far.shape[1] - 1
    every = np.arange(len(far))
    before, here, after = (far[every, np.clip(best + i, 0, last)] for i in (-1, 0, 1))
    bend = before - 2.0 * here + after
    shift = np.where(bend < 0.0, 0.5 * (before - after) / np.where(bend < 0.0, bend, 1.0), 0.0)
    at = np.clip(best + np.where((best > 0) & (best < last), np.clip(shift, -0.5, 0.5), 0.0), 0, last)
    low = np.minimum(at.astype(int), last - 1)
    part = (at - low)[:, None]
    return paths[every, low] * (1.0 - part) + paths[every, low + 1] * part


def visibility(
    scheme: str, head: Head, places: np.ndarray, outline: np.ndarray, depth: np.ndarray, covered: np.ndarray
) -> np.ndarray:
    """(K,) bool: neither behind the head itself nor under hair or another thing.

    Args:
        places: (K, 2), the scheme's chart places.
        outline: (33, 3), the face's `jaw_outline`.
        depth: (h, w) cm of head and body, the furthest of 3 x 3 px, on a canvas of any multiple of the picture's size.
        covered: (H, W) bool, pixels of the picture where something lies over the face.
    """
    points = landmarks(scheme, head, places, outline)
    near = _at(depth, from_cells(points, depth.shape[0] // covered.shape[0]))
    facing = interpolate(normals(head.view), locate(places))[:, 2]
    hidden = (near > head.depth(places) + _HIDDEN_BEHIND) | (facing < _TURNED_AWAY)
    # The jaw is on the visible outline by construction, unless the nose reaches beyond the cheek.
    jaw_points = _every(outline, scheme)
    count = len(jaw_points)
    beside_nose = np.abs(places[:count, 1] - _NOSE_REACH[0]) < _NOSE_REACH[1]
    hidden[:count] = beside_nose & (near[:count] > jaw_points[:, 2] + _JAW_HIDDEN_BEHIND)
    return ~(hidden | _at(covered, points))


def _at(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Values (K,) of a picture (h, h) at the pixels nearest to points (K, 2), (x, y)."""
    x, y = np.clip(np.round(points).astype(int), 0, len(picture) - 1).T
    return picture[y, x]
