"""Hair as a shell around the skull, from the crown to a hem whose height depends on the direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.synthetic.shape.noise import SIDE, cloud
from components.synthetic.shape.person import Identity
from components.synthetic.shape.proportions import TOP
from components.synthetic.shape.skull import lengthen, skull
from components.synthetic.shape.splines import smoothstep, spline


@dataclass(frozen=True)
class Style:
    """A haircut.

    Attributes:
        front, temple, side, back: Heights of the hem on the chart, cm.
        thick: cm, where it is thickest.
        edge: cm, at the hem.
        jag: How unevenly the strands end, as a part of their length.
        curl: 0 straight, 1 a ball of curls.
        cover: 0..1, how much of the skin it hides.
        fringe: Whether the front hangs over the forehead, or grows back from the hairline.
        cheek: Degrees from the nose where the side begins.
    """

    front: float
    temple: float
    side: float
    back: float
    thick: float
    edge: float
    jag: float = 0.05
    curl: float = 0.0
    cover: float = 1.0
    fringe: bool = False
    cheek: float = 76.0


STYLES = {
    "buzz": Style(-6.9, -5.6, 0.3, 5.0, 0.16, 0.06, 0.02, 0.0, 0.82),
    "short": Style(-6.7, -5.4, 0.9, 6.0, 0.85, 0.22, 0.05),
    "side": Style(-6.3, -5.2, 1.2, 6.5, 1.25, 0.30, 0.06),
    "receding": Style(-9.3, -7.0, 1.0, 6.0, 0.45, 0.14, 0.06),
    "fringe": Style(-3.1, -2.3, 8.5, 10.0, 1.15, 0.70, 0.05, fringe=True, cheek=62.0),
    "bob": Style(-6.7, -5.4, 9.0, 9.5, 1.3, 0.9, 0.04, cheek=64.0),
    "long": Style(-6.9, -5.6, 17.0, 19.0, 1.3, 1.0, 0.05, cheek=66.0),
    "afro": Style(-6.9, -5.4, 2.5, 6.5, 2.9, 2.0, 0.06, 1.0),
    "bun": Style(-7.1, -5.9, 0.0, 5.5, 0.45, 0.10, 0.03),
}
# (C,) degrees about the vertical axis, dense in front, where the hem is seen.
ANGLES = np.concatenate([np.linspace(-180.0, -96.0, 13), np.linspace(-90.0, 90.0, 49), np.linspace(96.0, 180.0, 13)])
_ROWS = 30  # vertices along a strand
_HANG = 1.5  # cm below the eyes, where hair begins to hang straight down
_LONG = 5.0  # cm: sides with a hem below that hang beside the face
_MIDDLE = np.array([0.0, -3.0, -0.5])  # cm, the place that hair stands away from
_HAIRLINE_EDGE = 0.08  # cm, thickness at a hairline that hair grows back from


@dataclass(frozen=True, eq=False)
class Hair:
    """A shell of vertices (R, C, 3) in head cm. Where it hangs beside the face, its inside can be seen."""

    style: Style
    vertices: np.ndarray
    hangs: bool


def hem(style: Style, part: float) -> np.ndarray:
    """(C,) chart heights of the hem over the angles; part is -1..1."""
    temple = style.temple
    knots = [
        (0.0, style.front),
        (24.0, style.front - (0.0 if style.fringe else 0.55)),
        (40.0, 0.4 * style.front + 0.6 * temple),
        (style.cheek - 18.0, temple + 0.3),
        (style.cheek - 8.0, temple + 2.0),
        (style.cheek, style.side),
        (112.0, 0.5 * (style.side + style.back)),
        (180.0, style.back),
    ]
    side = spline(knots)
    swing = (0.9 if style.fringe else 0.35) * part * np.sin(np.deg2rad(np.clip(ANGLES * 1.6, -180.0, 180.0)))
    return side(np.abs(ANGLES)) + swing * smoothstep(np.abs(ANGLES), 75.0, 40.0)


def grow(identity: Identity) -> Hair | None:
    """The hair of a person, or None."""
    style = STYLES.get(identity.hair_style)
    if style is None:
        return None
    along = np.linspace(0.0, 1.0, _ROWS)[:, None] ** 0.85
    height = TOP + 0.02 + (hem(style, identity.hair_part)[None, :] - TOP - 0.02) * along
    angle = np.broadcast_to(np.deg2rad(ANGLES), height.shape)
    root = skull(angle, np.minimum(height, _HANG), identity.shape)
    root[..., 1] = lengthen(height, identity.shape)
    away = root - _MIDDLE
    away[..., 1] = np.minimum(away[..., 1], 0.0)
    away /= np.sqrt(np.square(away).sum(axis=-1, keepdims=True))
    vertices = root + away * _thickness(identity, style, along, height, angle)[..., None]
    fall = np.maximum(height - _HANG, 0.0)
    vertices[..., 0] += 0.05 * fall * np.sin(angle) + 0.25 * np.sin(0.5 * fall + identity.noise % 7) * (fall > 0)
    return Hair(style, vertices, style.side > _LONG)


def _thickness(
    identity: Identity, style: Style, along: np.ndarray, height: np.ndarray, angle: np.ndarray
) -> np.ndarray:
    """(R, C) cm; along (R, 1) runs 0 at the crown to 1 at the hem."""
    front = growing_back(style, ANGLES)[None, :]
    edge = style.edge + (_HAIRLINE_EDGE - style.edge) * front
    full = 0.55 + 0.15 * front  # hair that grows back stands up close to its roots
    rise = np.clip((1.0 - along) / (1.0 - full), 0.0, 1.0)
    thick = edge + (style.thick - edge) * rise * (2.0 - rise)
    waves, curls = _field(identity.noise, 24), _field(identity.noise + 9, 7)
    thick = thick * (1.0 + (0.16 - 0.12 * style.curl) * waves + style.curl * 0.05 * curls)
    thick = thick * (1.0 + 0.25 * identity.hair_part * np.sin(angle) * smoothstep(along, 0.0, 0.3))
    if style.side < _LONG and style.curl == 0.0:  # short hair lies close to the temples
        thick = thick * (1.0 - 0.72 * smoothstep(height, -6.5, -0.5))
    return thick


def growing_back(style: Style, degrees: np.ndarray) -> np.ndarray:
    """1 where the hem is the hairline that hair grows back from, 0 where strands end there."""
    return smoothstep(np.abs(degrees), style.cheek + 14.0, style.cheek - 4.0) * (not style.fringe)


def _field(seed: int, cell: int) -> np.ndarray:
    """(R, C) smooth noise over the shell, the same at both ends of the back."""
    noise = cloud(cell)
    rows = np.arange(_ROWS) * 4 + seed % 300
    columns = np.abs(np.arange(len(ANGLES)) - len(ANGLES) // 2) * 4 + seed % 251
    fade = smoothstep(np.arange(_ROWS) / _ROWS, 0.0, 0.3)[:, None]
    sign = np.sin(np.arange(len(ANGLES)) * 0.4 + seed % 5)
    return noise[np.ix_(rows % SIDE, columns % SIDE)] * fade + 0.2 * sign * fade
