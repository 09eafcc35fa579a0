"""What an expression does to the vertices of a face at rest.

A number before a muscle is the cm that it moves the skin at full strength.
"""

from __future__ import annotations

import numpy as np

from components.synthetic.shape.chart import CHART_X, CHART_Y
from components.synthetic.shape.features import FRONT_MASK, SIDE_X, bump
from components.synthetic.shape.person import Expression
from components.synthetic.shape.proportions import INNER_CORNER, LOWER_LIP_ROW, MOUTH_HALF, MOUTH_Y
from components.synthetic.shape.splines import smoothstep

_JAW_DROP = 2.4  # cm that the chin sinks when the jaw is wide open
_JAW_BACK = 0.42  # cm that it goes back for each cm that it sinks

# Where on the chart a movement is felt, (R, C), 0..1.
_OPENING = np.sqrt(np.clip(1.0 - (SIDE_X / INNER_CORNER) ** 2, 0.0, 1.0)) * FRONT_MASK
_LOWER = (CHART_Y >= LOWER_LIP_ROW - 1e-9).astype(np.float64)
_HINGE = smoothstep(SIDE_X, 7.5, 3.5) * FRONT_MASK
# Skin around the mouth follows the jaw half way; the lips themselves part at the mouth's seam.
_JAW_AROUND = smoothstep(CHART_Y, 4.8, 9.6) * _HINGE
_JAW_LIPS = _LOWER * (0.92 + 0.08 * smoothstep(CHART_Y, MOUTH_Y, 9.0))
_NEAR_LIPS = _OPENING * smoothstep(np.abs(CHART_Y - MOUTH_Y), 2.4, 0.6)
_JAW = (1.0 - _NEAR_LIPS) * _JAW_AROUND + _NEAR_LIPS * _JAW_LIPS
_LIPS = _OPENING * smoothstep(np.abs(CHART_Y - MOUTH_Y), 1.3, 0.35)


def express(vertices: np.ndarray, expression: Expression) -> np.ndarray:
    """(R, C, 3) at rest -> (R, C, 3), (x, y, z) in cm, with the expression."""
    move = np.zeros_like(vertices)
    side = np.sign(CHART_X)
    uneven = 1.0 + expression.lopsided * np.clip(CHART_X / 2.0, -1.0, 1.0)
    _jaw(move, expression)
    _smile(move, expression.smile * uneven, side)
    _pucker(move, expression.pucker)
    _part(move, expression)
    _brows(move, expression, side)
    return vertices + move


def _jaw(move: np.ndarray, expression: Expression) -> None:
    drop = _JAW_DROP * expression.jaw
    move[..., 1] += drop * _JAW
    move[..., 2] -= _JAW_BACK * drop * _JAW * smoothstep(CHART_Y, 5.0, 11.0)
    move[..., 0] -= 0.03 * drop * CHART_X * bump(0.0, MOUTH_Y, 2.6, 1.4)


def _smile(move: np.ndarray, smile: np.ndarray, side: np.ndarray) -> None:
    up, down = np.maximum(smile, 0.0), np.maximum(-smile, 0.0)
    corner = bump(MOUTH_HALF + 0.1, MOUTH_Y, 1.15, 1.2)
    move[..., 0] += side * (0.55 * up - 0.15 * down) * corner
    move[..., 1] += (-0.60 * up + 0.55 * down) * corner
    move[..., 2] -= 0.35 * up * corner
    apple = bump(3.7, 4.1, 1.2, 1.0)
    move[..., 2] += 0.42 * up * apple
    move[..., 1] -= 0.28 * up * apple
    fold = bump(3.1, 5.9, 0.35, 1.0)
    move[..., 2] -= 0.22 * up * fold
    move[..., 2] -= 0.12 * np.abs(smile) * bump(0.0, MOUTH_Y, 1.6, 1.0)
    nose = bump(1.4, 4.7, 0.7, 0.7)
    move[..., 0] += side * 0.12 * up * nose


def _pucker(move: np.ndarray, pucker: float) -> None:
    around = bump(0.0, MOUTH_Y, 1.9, 1.3)
    move[..., 0] -= 0.36 * pucker * CHART_X * bump(0.0, MOUTH_Y, 2.6, 1.2)
    move[..., 2] += 0.55 * pucker * around
    move[..., 1] += 0.25 * pucker * (CHART_Y - MOUTH_Y) * around


def _part(move: np.ndarray, expression: Expression) -> None:
    """The lips part without the jaw: upper lip up, lower lip down."""
    upper = _LIPS * (1.0 - _LOWER)
    lower = _LIPS * _LOWER
    move[..., 1] -= (0.42 * expression.part_lips + 0.45 * expression.snarl) * upper
    move[..., 1] += (0.30 * expression.part_lips + 0.30 * expression.snarl) * lower
    move[..., 1] -= 0.25 * expression.snarl * bump(1.2, 4.8, 0.9, 0.9)
    move[..., 2] += 0.15 * expression.snarl * bump(2.4, 4.6, 0.8, 0.8)


def _brows(move: np.ndarray, expression: Expression, side: np.ndarray) -> None:
    whole = bump(3.0, -2.3, 1.9, 0.9)
    move[..., 1] -= 0.55 * expression.brows * whole
    inner = bump(1.3, -2.2, 0.9, 0.9)
    move[..., 0] -= side * 0.28 * expression.frown * inner
    if expression.brows < 0.0:
        move[..., 1] += 0.30 * expression.frown * inner
        move[..., 2] += 0.15 * expression.frown * inner
    else:  # worry lifts the inner ends
        move[..., 1] -= 0.45 * expression.frown * inner
