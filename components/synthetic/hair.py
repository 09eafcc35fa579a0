"""Hair: a shell of strands that run from the crown to a hem, whose height depends on the direction."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from components.synthetic.chart import TOP
from components.synthetic.grain import SIDE, cloud, strands
from components.synthetic.light import Light, normals, shade
from components.synthetic.people import Identity
from components.synthetic.skull import lengthen, skull
from components.synthetic.splines import smoothstep, spline


@dataclass(frozen=True)
class Style:
    """Heights of the hem on the chart (cm) at the brow, the temples, the sides and the back; thickness in cm."""

    front: float
    temple: float
    side: float
    back: float
    thick: float
    edge: float  # thickness at the hem
    jag: float = 0.05
    curl: float = 0.0
    cover: float = 1.0
    fringe: bool = False  # whether the front hangs over the forehead, or grows back from the hairline
    cheek: float = 76.0  # degrees from the nose where the side begins


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
_HANG = 1.5  # below this height, cm, hair hangs straight down
_ANGLES = np.concatenate([np.linspace(-180.0, -96.0, 13), np.linspace(-90.0, 90.0, 49), np.linspace(96.0, 180.0, 13)])
_ROWS = 30
_TEXELS = (240, 592)  # along the strands, round the head


@dataclass(frozen=True, eq=False)
class Hair:
    """A shell of vertices (R, C, 3) in head cm; a texture (h, w, 2): brightness of the strands and cover.

    Where it hangs beside the face, its inside can be seen.
    """

    vertices: np.ndarray
    texture: np.ndarray
    hangs: bool


def hem(style: Style, part: float) -> np.ndarray:
    """(C,) chart heights of the hem over the angles."""
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
    swing = (0.9 if style.fringe else 0.35) * part * np.sin(np.deg2rad(np.clip(_ANGLES * 1.6, -180.0, 180.0)))
    return side(np.abs(_ANGLES)) + swing * smoothstep(np.abs(_ANGLES), 75.0, 40.0)


def grow(identity: Identity) -> Hair | None:
    """The hair of a person, or None."""
    style = STYLES.get(identity.hair_style)
    if style is None:
        return None
    along = np.linspace(0.0, 1.0, _ROWS)[:, None] ** 0.85
    height = TOP + 0.02 + (hem(style, identity.hair_part)[None, :] - TOP - 0.02) * along
    angle = np.broadcast_to(np.deg2rad(_ANGLES), height.shape)
    root = skull(angle, np.minimum(height, _HANG), identity.shape)
    root[..., 1] = lengthen(height, identity.shape)
    away = root - np.array([0.0, -3.0, -0.5])
    away[..., 1] = np.minimum(away[..., 1], 0.0)
    away /= np.sqrt(np.square(away).sum(axis=-1, keepdims=True))
    front = _growing_back(style, _ANGLES)[None, :]
    edge = style.edge + (0.08 - style.edge) * front
    full = 0.55 + 0.15 * front  # hair that grows back stands up close to its roots
    rise = np.clip((1.0 - along) / (1.0 - full), 0.0, 1.0)
    thick = edge + (style.thick - edge) * rise * (2.0 - rise)
    thick = thick * (
        1.0
        + (0.16 - 0.12 * style.curl) * _field(identity.noise, 24)
        + style.curl * 0.05 * _field(identity.noise + 9, 7)
    )
    thick = thick * (1.0 + 0.25 * identity.hair_part * np.sin(angle) * smoothstep(along, 0.0, 0.3))
    if style.side < 5.0 and style.curl == 0.0:  # short hair lies close to the temples
        thick = thick * (1.0 - 0.72 * smoothstep(height, -6.5, -0.5))
    fall = np.maximum(height - _HANG, 0.0)
    vertices = root + away * thick[..., None]
    vertices[..., 0] += 0.05 * fall * np.sin(angle) + 0.25 * np.sin(0.5 * fall + identity.noise % 7) * (fall > 0)
    return Hair(vertices, _strands(identity, style), style.side > 5.0)


def _growing_back(style: Style, degrees: np.ndarray) -> np.ndarray:
    """1 where the hem is the hairline that hair grows back from, 0 where strands end there."""
    return smoothstep(np.abs(degrees), style.cheek + 14.0, style.cheek - 4.0) * (not style.fringe)


def _field(seed: int, cell: int) -> np.ndarray:
    """(R, C) smooth noise over the shell, the same at both ends of the back."""
    noise = cloud(cell)
    rows = np.arange(_ROWS) * 4 + seed % 300
    columns = np.abs(np.arange(len(_ANGLES)) - len(_ANGLES) // 2) * 4 + seed % 251
    fade = smoothstep(np.arange(_ROWS) / _ROWS, 0.0, 0.3)[:, None]
    sign = np.sin(np.arange(len(_ANGLES)) * 0.4 + seed % 5)
    return noise[np.ix_(rows % SIDE, columns % SIDE)] * fade + 0.2 * sign * fade


def _strands(identity: Identity, style: Style) -> np.ndarray:
    h, w = _TEXELS
    row, column = np.mgrid[0:h, 0:w].astype(np.float32)
    if style.curl > 0.0:
        noise = 0.75 * cloud(7)[:h, :w] if w <= SIDE else cv2.resize(0.75 * cloud(7), (w, h))
        streak = noise + 0.5 * cv2.resize(cloud(3), (w, h))
    else:
        wave = 2.6 * np.sin(row / 21.0 + identity.noise % 11) + 3.0 * np.sin(row / 47.0 + column / 60.0)
        wave = wave * (0.2 + 0.8 * (identity.noise % 5) / 4.0)
        if identity.hair_style in ("side", "bob", "long"):  # combed to one side
            wave = wave + 55.0 * identity.hair_part * (1.0 - row / h) ** 1.5
        maps = (
            ((column * 0.86 + wave) % (SIDE - 1)).astype(np.float32),
            (row * 0.5 + identity.noise % 200) % (SIDE - 1),
        )
        streak = cv2.remap(strands(), maps[0], maps[1].astype(np.float32), cv2.INTER_LINEAR)
    level = np.clip(1.0 + 0.24 * streak, 0.4, 1.8)
    roots = _growing_back(style, np.interp(column[0] / (w - 1) * (len(_ANGLES) - 1), np.arange(len(_ANGLES)), _ANGLES))
    jag = style.jag + (0.022 - style.jag) * roots
    tips = np.clip(1.0 - jag * (1.0 + 0.55 * streak + 0.4 * (1.0 - roots) * np.sin(column / 9.0)), 0.0, 1.0)
    soft = 0.012 + 0.3 * jag + 0.05 * roots
    cover = np.clip((tips + 0.012 - row / (h - 1)) / (soft + 0.012), 0.0, 1.0) * style.cover
    root = smoothstep(row / (h - 1), 0.0, 0.25)
    return np.stack([level * (0.75 + 0.25 * root), cover], axis=-1).astype(np.float32)


def shade_hair(view: np.ndarray, light: Light, identity: Identity) -> np.ndarray:
    """View cm (R, C, 3) -> (R, C, 3) colour under the light, and (R, C) of the highlight: stacked (R, C, 4)."""
    normal = normals(view)
    wrap = np.array([0.25, 0.25, 0.25])
    key, ambient = shade(normal, light, wrap, 8.0)
    along = np.gradient(view, axis=0)
    along /= np.maximum(np.sqrt(np.square(along).sum(axis=-1, keepdims=True)), 1e-9)
    half = light.direction + np.array([0.0, 0.0, 1.0])
    half /= np.sqrt(np.square(half).sum())
    slope = np.einsum("rci,i->rc", along, half)  # strands shine where they lie across the half vector
    band = np.sqrt(np.clip(1.0 - slope * slope, 0.0, 1.0)) ** 14
    facing = np.clip(normal[..., 2], 0.0, 1.0) * np.clip(0.4 + key[..., 0], 0.0, 1.0)
    colour = (key[..., :3] * 0.85 + ambient) * identity.hair
    return np.concatenate([colour, (band * facing)[..., None]], axis=-1).astype(np.float32)
