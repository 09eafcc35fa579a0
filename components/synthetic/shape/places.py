"""Where the landmarks of both markups lie on the chart.

An eye's opening, a brow's outline and the lips' contours are curves on the chart; the painters fill the same curves.
"right" is the subject's right, the image's left: negative x.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from components.synthetic.shape.chart import HALF_WIDTH
from components.synthetic.shape.person import Expression, Identity
from components.synthetic.shape.proportions import (
    BROW_INNER,
    BROW_OUTER,
    CHIN,
    EYE_HALF,
    EYE_X,
    INNER_CORNER,
    LOWER_LIP_ROW,
    MOUTH_HALF,
    MOUTH_Y,
    UPPER_LIP_ROW,
)
from components.synthetic.shape.splines import spline

_UPPER_LID, _LOWER_LID = 0.70, 0.48  # cm that the lids of an open eye stand off the line through its corners
_GAZE_RIGHT, _GAZE_DOWN = 1.6, 0.6  # cm that an iris moves, times the sine of the gaze's angle

# Heights of the lips' outer contours at distance x from the middle, for lips of mean thickness.
_UPPER_CONTOUR = spline(
    [(0.0, 6.50), (0.28, 6.43), (0.55, 6.36), (1.1, 6.50), (1.8, 6.84), (2.2, 7.05), (MOUTH_HALF, MOUTH_Y)]
)
_LOWER_CONTOUR = spline([(0.0, 8.38), (0.8, 8.28), (1.6, 7.92), (2.1, 7.55), (MOUTH_HALF, MOUTH_Y)])
_BROW_UPPER = spline([(0.0, -2.45), (0.35, -2.78), (0.65, -2.86), (0.85, -2.55), (1.0, -1.95)])
_BROW_HALF = spline([(0.0, 0.85), (0.2, 1.0), (0.6, 0.9), (0.85, 0.5), (1.0, 0.0)])


def lids(along: np.ndarray, opening: float) -> tuple[np.ndarray, np.ndarray]:
    """Heights of the upper and the lower lid's edge over the eye's centre, cm; along runs 0 outer to 1 inner corner."""
    along = np.clip(along, 0.0, 1.0)
    corners = 0.02 + 0.12 * along
    upper = (4.0 * along * (1.0 - along)) ** 0.72 * (1.0 + 0.25 * (along - 0.5))
    lower = (4.0 * along * (1.0 - along)) ** 0.85 * (1.0 - 0.25 * (along - 0.5))
    fall = 0.40 * np.clip(1.0 - opening, 0.0, 1.0)  # a closing lower lid hardly moves, the upper one comes down
    below = _LOWER_LID - fall * 0.35
    above = _UPPER_LID * opening
    if opening < 1.0:  # shut lids leave 0.03 cm
        above = above - (below - 0.03) * (1.0 - opening)
    return corners - above * upper, corners + below * lower


def brow(along: np.ndarray, identity: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Heights of a brow's upper and lower edge, cm on the chart; along runs 0 inner to 1 outer end."""
    centre = _BROW_UPPER(along) + 0.25 - identity.brow_arch * np.sin(np.pi * np.clip(along, 0.0, 1.0) ** 1.3)
    half = identity.brow_thickness * _BROW_HALF(along)
    return centre - half, centre + half


def lips(x: np.ndarray, identity: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Heights of the lips' upper and lower contour at x, cm on the chart."""
    upper, lower = identity.lips
    above, below = _UPPER_CONTOUR(np.abs(x)), _LOWER_CONTOUR(np.abs(x))
    return MOUTH_Y + (above - MOUTH_Y) * upper, MOUTH_Y + (below - MOUTH_Y) * lower


def iris(side: int, expression: Expression) -> np.ndarray:
    """(2,), (x, y) of an iris' centre on the chart; side -1 is the image-left eye."""
    right, down = expression.gaze
    return np.array([side * EYE_X + _GAZE_RIGHT * np.sin(right), _GAZE_DOWN * np.sin(down) - 0.03])


@cache
def jaw(count: int) -> np.ndarray:
    """(count, 2): places along the head's side and jaw at equal arcs, image left to right."""
    height = np.concatenate([np.linspace(0.35, 11.0, 200), CHIN - (CHIN - 11.0) * np.linspace(1.0, 0.0, 200) ** 2])
    edge = np.stack([-HALF_WIDTH(height), height], axis=1)
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(edge, axis=0).T))])
    half = count // 2
    y = np.interp(np.linspace(0.0, arc[-1], half + 1), arc, height)
    right = np.stack([-HALF_WIDTH(y), y], axis=1)
    return np.concatenate([right, (right * (-1.0, 1.0))[-2::-1]])


def _curve(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([x, y], axis=1)


def _eye(side: int, fractions: tuple[float, ...], opening: float) -> np.ndarray:
    """Corners and lids in the markups' order: clockwise in the image from its left corner."""
    along = np.array(fractions if side < 0 else fractions[::-1])
    upper, _ = lids(along, opening)
    _, lower = lids(along, opening)
    x = side * (EYE_X + EYE_HALF * (1.0 - 2.0 * along))
    return np.concatenate([_curve(x, upper), _curve(x, lower)[-2:0:-1]])


def _mouth(identity: Identity) -> np.ndarray:
    """(20, 2): 12 of the outer contour, 8 of the inner one."""
    x = np.array([-MOUTH_HALF, -1.65, -0.55, 0.0, 0.55, 1.65, MOUTH_HALF])
    upper, _ = lips(x, identity)
    low_x = np.array([1.6, 0.8, 0.0, -0.8, -1.6])
    _, lower = lips(low_x, identity)
    inner_x = np.array([-INNER_CORNER, -1.0, 0.0, 1.0, INNER_CORNER])
    inner = np.array([MOUTH_Y, UPPER_LIP_ROW, UPPER_LIP_ROW, UPPER_LIP_ROW, MOUTH_Y])
    floor = _curve(inner_x[3:0:-1], np.full(3, LOWER_LIP_ROW))
    return np.concatenate([_curve(x, upper), _curve(low_x, lower), _curve(inner_x, inner), floor])


# fmt: off
NOSE = np.array(
    [(0.0, 0.0), (0.0, 1.45), (0.0, 2.9), (0.0, 4.25),
     (-1.32, 5.05), (-0.68, 5.32), (0.0, 5.45), (0.68, 5.32), (1.32, 5.05)]
)
# fmt: on


def _brow_upper(side: int, identity: Identity) -> np.ndarray:
    """(5, 2) along the upper edge, image left to right."""
    along = np.array([1.0, 0.76, 0.5, 0.25, 0.0])
    upper, _ = brow(along, identity)
    places = _curve(side * (BROW_INNER + (BROW_OUTER - BROW_INNER) * along), upper)
    return places if side < 0 else places[::-1]


def _brow_lower(side: int, identity: Identity) -> np.ndarray:
    """(4, 2) along the lower edge, image right to left, without the outer tip."""
    along = np.array([0.0, 0.25, 0.5, 0.76])
    _, lower = brow(along, identity)
    places = _curve(side * (BROW_INNER + (BROW_OUTER - BROW_INNER) * along), lower)
    return places if side < 0 else places[::-1]


def landmark_places(scheme: str, identity: Identity, expression: Expression) -> np.ndarray:
    """(K, 2), (x, y) in chart cm, in the markup's order; the jaw comes first."""
    right, left = expression.lids
    brows = [_brow_upper(side, identity) for side in (-1, 1)]
    if scheme == "ibug68":
        thirds = (0.0, 1 / 3, 2 / 3, 1.0)
        eyes = [_eye(-1, thirds, right), _eye(1, thirds, left)]
        return np.concatenate([jaw(17), *brows, NOSE, *eyes, _mouth(identity)])
    quarters = (0.0, 0.25, 0.5, 0.75, 1.0)
    eyes = [_eye(-1, quarters, right), _eye(1, quarters, left)]
    closed = [np.concatenate([edge, _brow_lower(side, identity)]) for edge, side in zip(brows, (-1, 1), strict=True)]
    pupils = np.stack([iris(-1, expression), iris(1, expression)])
    return np.concatenate([jaw(33), *closed, NOSE, *eyes, _mouth(identity), pupils])
