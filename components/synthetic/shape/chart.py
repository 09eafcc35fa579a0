"""The chart of the head: a grid of directions and heights that every part of a face is located on.

A place on the head is (x, y) of the mean face seen from the front, in cm: x towards the image's right, y down, the
origin between the eyes. The chart never changes; identity and expression only move the grid's vertices in space. So a
landmark, the edge of a lip and an eyelash are all said in chart coordinates and cannot part from one another.
"""

from __future__ import annotations

import numpy as np

from components.synthetic.shape.proportions import CHIN, LOWER_LIP_ROW, TOP, UPPER_LIP_ROW
from components.synthetic.shape.splines import spline

DETAIL = 4  # texels per cell along each axis

# Half the width of the mean head at height y; the lower part is the jaw's outline seen from the front.
# fmt: off
HALF_WIDTH = spline(
    [(TOP, 0.0), (-12.2, 1.35), (-12.0, 2.3), (-11.5, 3.7), (-10.8, 4.9), (-10.0, 5.8), (-8.5, 6.8), (-7.0, 7.3),
     (-5.0, 7.5), (-3.0, 7.35), (-1.0, 7.12), (1.0, 7.0), (3.0, 6.8), (5.0, 6.35), (6.5, 5.85), (8.0, 5.1),
     (9.2, 4.3), (10.0, 3.6), (10.7, 2.85), (11.2, 2.05), (11.45, 1.4), (11.55, 0.9), (CHIN, 0.0)]
)
# fmt: on


def _rows() -> np.ndarray:
    """Dense where a face has detail: a landmark is only as exact as the cells around it are small."""
    crown = [TOP, -12.2, -12.0, -11.6, -11.0, -10.2, -9.2, -8.2, -7.2, -6.2, -5.3, -4.5, -3.8, -3.2]
    eyes = [*np.linspace(-2.8, -1.6, 6), *np.linspace(-1.35, 1.5, 15)]
    nose = [*np.linspace(1.8, 3.7, 7), *np.linspace(3.95, 5.9, 14)]
    upper_lip = [*np.linspace(6.05, 7.05, 8), 7.12, UPPER_LIP_ROW]
    lower_lip = [LOWER_LIP_ROW, 7.29, *np.linspace(7.4, 8.8, 10)]
    chin = [*np.linspace(9.05, 10.8, 8), 11.05, 11.25, 11.4, 11.5, 11.57, CHIN]
    return np.array(crown + eyes + nose + upper_lip + lower_lip + chin)


def _columns() -> np.ndarray:
    """1.6 degrees apart over nose and mouth, 3.3 to the cheeks, coarse behind the ears."""
    half = [*np.arange(1, 10) * 1.6, *np.linspace(17.5, 77.0, 19), 83.0, 90.0, 98.0, 108.0]
    half += [*np.linspace(120.0, 180.0, 5)]
    return np.deg2rad(np.array([-angle for angle in reversed(half)] + [0.0] + half))


ROWS = _rows()  # (R,) y in cm
COLUMNS = _columns()  # (C,) angle about the vertical axis, 0 is the nose, positive to the image's right
ANGLE = np.broadcast_to(COLUMNS, (len(ROWS), len(COLUMNS)))
CHART_X = HALF_WIDTH(ROWS)[:, None] * np.sin(COLUMNS)[None, :]
CHART_Y = np.broadcast_to(ROWS[:, None], CHART_X.shape)


def fine(values: np.ndarray) -> np.ndarray:
    """(n,) grid coordinates -> ((n - 1) * DETAIL + 1,) of the texels."""
    index = np.arange((len(values) - 1) * DETAIL + 1) / DETAIL
    return np.interp(index, np.arange(len(values)), values)


TEXEL_X = (HALF_WIDTH(fine(ROWS))[:, None] * np.sin(fine(COLUMNS))[None, :]).astype(np.float32)
TEXEL_Y = np.repeat(fine(ROWS)[:, None], TEXEL_X.shape[1], axis=1).astype(np.float32)
TEXEL_FRONT = np.repeat(np.cos(fine(COLUMNS))[None, :], TEXEL_X.shape[0], axis=0).astype(np.float32)


def locate(places: np.ndarray) -> np.ndarray:
    """Chart places (..., 2), (x, y) in cm on the front half -> grid coordinates (..., 2), (column, row)."""
    x, y = places[..., 0], places[..., 1]
    angle = np.arcsin(np.clip(x / np.maximum(HALF_WIDTH(y), 1e-9), -1.0, 1.0))
    column = np.interp(angle, COLUMNS, np.arange(len(COLUMNS)))
    return np.stack([column, np.interp(y, ROWS, np.arange(len(ROWS)))], axis=-1)


def interpolate(grid: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Values of a vertex grid (R, C, D) at grid coordinates (..., 2), (column, row), as the rasteriser has them.

    A cell is two triangles parted by a diagonal that leans as its mirror image's does not, so that a symmetric grid has
    a symmetric surface. This is what is drawn, to the last digit.
    """
    column = np.clip(np.floor(cells[..., 0]).astype(int), 0, grid.shape[1] - 2)
    row = np.clip(np.floor(cells[..., 1]).astype(int), 0, grid.shape[0] - 2)
    fx, fy = (cells[..., 0] - column)[..., None], (cells[..., 1] - row)[..., None]
    a, b = grid[row, column], grid[row, column + 1]
    c, d = grid[row + 1, column + 1], grid[row + 1, column]
    mirrored = (column < (grid.shape[1] - 1) // 2)[..., None]
    a, b, c, d = (np.where(mirrored, *pair) for pair in ((b, a), (a, b), (d, c), (c, d)))
    fx = np.where(mirrored, 1.0 - fx, fx)
    upper = a + fx * (b - a) + fy * (c - b)
    lower = a + fy * (d - a) + fx * (c - d)
    return np.where(fx >= fy, upper, lower)
