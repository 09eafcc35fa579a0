"""The strands of hair: how bright each is, where it ends, how it shines."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from components.synthetic.paint.light import Light, half_vector, shade
from components.synthetic.shape.hair import ANGLES, Style, growing_back
from components.synthetic.shape.noise import SIDE, cloud
from components.synthetic.shape.person import Identity
from components.synthetic.shape.splines import smoothstep
from components.synthetic.shape.surface import normals

_TEXELS = (240, 592)  # along the strands, round the head
_CONTRAST = 0.24  # how much brighter or darker a strand is than the hair around it, one deviation
_COMBED = ("side", "bob", "long")  # styles that lie to one side
_WRAP = np.array([0.25, 0.25, 0.25])  # how far light reaches round a head of hair
_SHARPNESS = 14  # exponent of the band of light across hair


@cache
def _streaks() -> np.ndarray:
    """(SIDE, SIDE) float32, streaks along the rows' direction (downwards), mean 0, deviation 1."""
    streaks = 0.6 * cloud(2, 48) + 0.45 * cloud(5, 24) + 0.4 * cloud(16, 12) + 0.5 * cloud(1, 32)
    return (streaks / streaks.std()).astype(np.float32)


def strand_texture(identity: Identity, style: Style) -> np.ndarray:
    """(h, w, 2) float32 over the shell of hair: brightness of the strands, and cover 0..1."""
    h, w = _TEXELS
    row, column = np.mgrid[0:h, 0:w].astype(np.float32)
    streak = _curls() if style.curl > 0.0 else _combed(identity, row, column)
    level = np.clip(1.0 + _CONTRAST * streak, 0.4, 1.8)
    roots = growing_back(style, np.interp(column[0] / (w - 1) * (len(ANGLES) - 1), np.arange(len(ANGLES)), ANGLES))
    jag = style.jag + (0.022 - style.jag) * roots
    tips = np.clip(1.0 - jag * (1.0 + 0.55 * streak + 0.4 * (1.0 - roots) * np.sin(column / 9.0)), 0.0, 1.0)
    soft = 0.012 + 0.3 * jag + 0.05 * roots
    cover = np.clip((tips + 0.012 - row / (h - 1)) / (soft + 0.012), 0.0, 1.0) * style.cover
    root = smoothstep(row / (h - 1), 0.0, 0.25)
    return np.stack([level * (0.75 + 0.25 * root), cover], axis=-1).astype(np.float32)


def _curls() -> np.ndarray:
    """(h, w) unevenness of curly hair."""
    h, w = _TEXELS
    return cv2.resize(0.75 * cloud(7), (w, h)) + 0.5 * cv2.resize(cloud(3), (w, h))


def _combed(identity: Identity, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """(h, w) streaks that run from the crown to the hem in waves, at texels (row, column)."""
    wave = 2.6 * np.sin(row / 21.0 + identity.noise % 11) + 3.0 * np.sin(row / 47.0 + column / 60.0)
    wave = wave * (0.2 + 0.8 * (identity.noise % 5) / 4.0)
    if identity.hair_style in _COMBED:
        wave = wave + 55.0 * identity.hair_part * (1.0 - row / _TEXELS[0]) ** 1.5
    along = ((column * 0.86 + wave) % (SIDE - 1)).astype(np.float32)
    down = ((row * 0.5 + identity.noise % 200) % (SIDE - 1)).astype(np.float32)
    return cv2.remap(_streaks(), along, down, cv2.INTER_LINEAR)


def shade_hair(view: np.ndarray, light: Light, identity: Identity) -> np.ndarray:
    """View cm (R, C, 3) -> (R, C, 3) colour under the light, and (R, C) of the highlight: stacked (R, C, 4)."""
    normal = normals(view)
    key, ambient = shade(normal, light, _WRAP, 8.0)
    along = np.gradient(view, axis=0)
    along /= np.maximum(np.sqrt(np.square(along).sum(axis=-1, keepdims=True)), 1e-9)
    slope = np.einsum("rci,i->rc", along, half_vector(light))  # strands shine where they lie across the half vector
    band = np.sqrt(np.clip(1.0 - slope * slope, 0.0, 1.0)) ** _SHARPNESS
    facing = np.clip(normal[..., 2], 0.0, 1.0) * np.clip(0.4 + key[..., 0], 0.0, 1.0)
    colour = (key[..., :3] * 0.85 + ambient) * identity.hair
    return np.concatenate([colour, (band * facing)[..., None]], axis=-1).astype(np.float32)
