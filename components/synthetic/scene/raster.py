"""Draws grids of quadrilaterals: which place of which grid is seen at every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from components.synthetic.scene.polygons import FRACTION, fixed
from components.synthetic.shape.camera import NOWHERE

_LINE = 256  # places in a line of a look-up: OpenCV takes no map longer than 32767
_SLACK = 0.25  # cells that a pixel's centre may lie outside the quadrilateral that it shows


@dataclass(frozen=True, eq=False)
class Grid:
    """A surface of R x C vertices.

    Attributes:
        screen: (R, C, 2), (x, y), px of the canvas it is drawn on.
        depth: (R, C), cm towards the camera.
        sides: Which sides of it are drawn: "front", "back" or "both".
    """

    screen: np.ndarray
    depth: np.ndarray
    sides: str = "front"


@dataclass(frozen=True, eq=False)
class Layer:
    """What is seen of some grids, for the N pixels that show any.

    Attributes:
        pixels: (N,) int, indices into the flattened canvas.
        size: The canvas is size x size px.
        grid: (N,) int, index of the grid.
        cells: (N, 2) float32, grid coordinates (column, row) of the place seen.
        depth: (N,) float32, cm.
        back: (N,) bool, whether its back is seen.
    """

    pixels: np.ndarray
    size: int
    grid: np.ndarray
    cells: np.ndarray
    depth: np.ndarray
    back: np.ndarray

    def depth_map(self, chosen: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(size, size) float32, cm, of the chosen pixels; `NOWHERE` where nothing is."""
        depth = np.full(self.size * self.size, NOWHERE, dtype=np.float32)
        depth[self.pixels[chosen]] = self.depth[chosen]
        return depth.reshape(self.size, self.size)


def rasterise(grids: Sequence[Grid], size: int) -> Layer:
    """Draws grids on a canvas of size x size px, the nearest surface last."""
    quads = [_quads(number, grid, size) for number, grid in enumerate(grids)]
    corners = np.concatenate([q[0] for q in quads])  # (Q, 4, 3): x, y, depth
    home = np.concatenate([q[1] for q in quads])  # (Q, 5): grid, column, row, back, mirrored
    order = np.argsort(corners[:, :, 2].sum(axis=1), kind="stable")
    corners, home = corners[order], home[order]
    canvas = np.full((size, size), -1, dtype=np.int32)
    for number, polygon in enumerate(fixed(corners[:, :, :2])):
        cv2.fillConvexPoly(canvas, polygon, number, cv2.LINE_8, FRACTION)
    pixels = np.flatnonzero(canvas >= 0)
    return _inside(canvas.ravel()[pixels], pixels, size, corners, home)


def _quads(number: int, grid: Grid, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The quadrilaterals of one grid that face the camera and touch the canvas."""
    vertices = np.concatenate([grid.screen, grid.depth[..., None]], axis=-1)
    corners = np.stack([vertices[:-1, :-1], vertices[:-1, 1:], vertices[1:, 1:], vertices[1:, :-1]], axis=2)
    corners = corners.reshape(-1, 4, 3)
    one, two = (corners[:, 2, :2] - corners[:, 0, :2], corners[:, 3, :2] - corners[:, 1, :2])
    area = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    low, high = corners[:, :, :2].min(axis=1), corners[:, :, :2].max(axis=1)
    faces = {"front": area > 0.0, "back": area < 0.0, "both": area != 0.0}[grid.sides]
    keep = faces & (high > 0.0).all(axis=1) & (low < size).all(axis=1)
    index = np.flatnonzero(keep)
    row, column = np.divmod(index, grid.screen.shape[1] - 1)
    mirrored = column < (grid.screen.shape[1] - 1) // 2
    home = np.stack([np.full_like(index, number), column, row, area[index] <= 0.0, mirrored], axis=1)
    return corners[index], home


def _inside(quad: np.ndarray, pixels: np.ndarray, size: int, corners: np.ndarray, home: np.ndarray) -> Layer:
    """Where in its quadrilateral, the one numbered quad (N,), every pixel lies."""
    corners = np.where((home[:, 4] > 0)[:, None, None], corners[:, [1, 0, 3, 2]], corners)
    origin = corners[:, 0, :2]  # float32 has enough digits for distances from it
    maps, line = _triangles(corners - np.concatenate([origin, np.zeros((len(corners), 1))], axis=1)[:, None])
    y, x = np.divmod(pixels.astype(np.int32), np.int32(size))
    offset = np.take(origin.astype(np.float32), quad, axis=0)
    x, y = x - offset[:, 0], y - offset[:, 1]
    side = np.take(line, quad, axis=0)
    on_first = side[:, 0] * x + side[:, 1] * y + side[:, 2] >= 0.0
    chosen = np.take(maps, np.where(on_first, quad, quad + len(corners)), axis=0)
    place = chosen[:, 0::3] * x[:, None] + chosen[:, 1::3] * y[:, None] + chosen[:, 2::3]
    owner = np.take(home, quad, axis=0)
    place[:, 0] = np.where(owner[:, 4] > 0, 1.0 - place[:, 0], place[:, 0])
    cells = np.clip(place[:, :2], -_SLACK, 1.0 + _SLACK) + owner[:, 1:3]
    depth = place[:, 2].astype(np.float32)
    return Layer(pixels, size, owner[:, 0], cells.astype(np.float32), depth, owner[:, 3].astype(bool))


def _triangles(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two triangles of each quadrilateral (Q, 4, 3), parted as in `chart.interpolate`.

    Returns:
        maps: (2 * Q, 9) float32, the affine maps of all first and then of all second ones.
        line: (Q, 3) float32, (x, y, 1) times it is positive on the first one's side of the diagonal.
    """
    a, b, c, d = (corners[:, i] for i in range(4))
    first = _affine(a, b, c, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
    second = _affine(a, c, d, ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    across = np.stack([c[:, 1] - a[:, 1], a[:, 0] - c[:, 0]], axis=1)
    turn = np.sign(((b - a)[:, :2] * across).sum(axis=1, keepdims=True))
    line = np.concatenate([across, -(a[:, :2] * across).sum(axis=1, keepdims=True)], axis=1) * turn
    return np.concatenate([first, second]).reshape(-1, 9).astype(np.float32), line.astype(np.float32)


def _affine(p: np.ndarray, q: np.ndarray, r: np.ndarray, cell: tuple[tuple[float, float], ...]) -> np.ndarray:
    """(Q, 3, 3): (x, y, 1) -> (column, row, depth) over a triangle (Q, 3) each corner; flat ones give their corner."""
    u, v = q[:, :2] - p[:, :2], r[:, :2] - p[:, :2]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    scale = np.where(np.abs(area) > 1e-6, 1.0 / np.where(area == 0.0, 1.0, area), 0.0)
    along = np.stack([v[:, 1], -v[:, 0]], axis=1) * scale[:, None]
    beside = np.stack([-u[:, 1], u[:, 0]], axis=1) * scale[:, None]
    result = np.empty((len(p), 3, 3))
    for i in range(3):
        start, one, two = (cell[k][i] if i < 2 else (p, q, r)[k][:, 2] for k in range(3))
        gradient = along * np.reshape(one - start, (-1, 1)) + beside * np.reshape(two - start, (-1, 1))
        result[:, i, :2] = gradient
        result[:, i, 2] = start - (gradient * p[:, :2]).sum(axis=1)
    return result


def lookup(texture: np.ndarray, cells: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Bilinear values (N, D) of a texture (h, w, D) or (h, w) at grid coordinates (N, 2) times scale."""
    lines = max(-(-len(cells) // _LINE), 1)
    maps = np.zeros((lines * _LINE, 2), dtype=np.float32)
    maps[: len(cells)] = cells * np.float32(scale)
    along, down = np.ascontiguousarray(maps.T).reshape(2, lines, _LINE)
    values = cv2.remap(texture, along, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(lines * _LINE, -1)[: len(cells)]
