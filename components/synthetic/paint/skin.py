"""The colour of skin, texel by texel: tone, blush, freckles, wrinkles, beard."""

from __future__ import annotations

from functools import cache

import numpy as np

from components.synthetic.shape.chart import TEXEL_FRONT, TEXEL_X, TEXEL_Y
from components.synthetic.shape.noise import cloud, patch
from components.synthetic.shape.person import Expression, Identity
from components.synthetic.shape.proportions import EYE_X
from components.synthetic.shape.splines import bell, smoothstep, spline

# Linear RGB at even steps of melanin.
_TONES = np.array(
    [[0.80, 0.55, 0.43], [0.68, 0.43, 0.31], [0.53, 0.31, 0.195], [0.33, 0.175, 0.10], [0.17, 0.088, 0.052]]
)
_SIDE_X = np.abs(TEXEL_X)
_FRONT = smoothstep(TEXEL_FRONT, 0.0, 0.3).astype(np.float32)
# Height on the chart above which no beard grows, at distance x from the middle, cm.
_BEARD_EDGE = spline([(0.0, 5.75), (2.2, 6.0), (2.9, 6.9), (4.2, 6.4), (5.5, 4.2), (6.4, 1.5), (8.0, 0.0)])

_STUBBLE = 0.45  # beards below that are stubble
_BLUSH = (0.12, -0.85, -0.65)  # how much of each channel redness adds
_FRECKLE = (0.25, 0.42, 0.5)  # how much of each channel a freckle takes


def tone(melanin: float) -> np.ndarray:
    """(3,) linear RGB."""
    at = np.linspace(0.0, 1.0, len(_TONES))
    return np.array([np.interp(melanin, at, _TONES[:, i]) for i in range(3)])


def _spot(x: float, y: float, wide: float, high: float) -> np.ndarray:
    return (_FRONT * bell(_SIDE_X - x, wide) * bell(TEXEL_Y - y, high)).astype(np.float32)


@cache
def _masks() -> dict[str, np.ndarray]:
    """Where on the chart skin differs, (h, w) each, 0..1; places and widths in cm."""
    beard = smoothstep(TEXEL_Y - _BEARD_EDGE(_SIDE_X), -0.35, 0.55) * smoothstep(TEXEL_FRONT, -0.35, 0.1)
    under_lip = _spot(0.0, 8.9, 0.9, 0.25)
    return {
        "blush": 0.9 * _spot(4.2, 3.4, 1.5, 1.2) + 0.5 * _spot(0.0, 4.3, 0.9, 0.8) + 0.3 * _spot(0.0, 10.4, 1.2, 0.9),
        "rings": _spot(EYE_X - 0.2, 0.85, 1.3, 0.55) + 0.8 * _spot(EYE_X - 0.9, -0.3, 1.0, 0.8),
        "nostrils": np.minimum(1.6 * _spot(0.70, 5.20, 0.27, 0.12), 1.0),
        "wing": _spot(1.62, 4.75, 0.10, 0.45),
        "fold": _crease([(1.75, 4.7), (2.5, 5.7), (3.0, 6.9)], 0.16),
        "marionette": _crease([(2.75, 7.4), (3.0, 8.6)], 0.15),
        "forehead": sum(_crease([(0.0, y), (2.5, y - 0.25), (4.5, y + 0.2)], 0.09) for y in (-4.2, -5.1, -5.9)),
        "crow": sum(_crease([(4.9, 0.0), (6.0, y)], 0.07) for y in (-0.7, 0.1, 0.9)),
        "glabella": _crease([(0.55, -2.6), (0.5, -1.5)], 0.09),
        "beard": (beard * (1.0 - 0.5 * under_lip)).astype(np.float32),
        # Light hardly reaches the floor of the jaw.
        "throat": (1.0 - 0.6 * smoothstep(TEXEL_FRONT, 0.02, -0.25) * smoothstep(TEXEL_Y, 3.0, 7.0)).astype(np.float32),
    }


def _crease(knots: list[tuple[float, float]], width: float) -> np.ndarray:
    """A soft line through knots (x, y), on both sides of the face."""
    places = np.array(knots)
    path = np.stack([np.interp(np.linspace(0, 1, 24), np.linspace(0, 1, len(places)), places[:, i]) for i in (0, 1)], 1)
    distance = np.full(TEXEL_X.shape, np.inf)
    for x, y in path:
        distance = np.minimum(distance, (_SIDE_X - x) ** 2 + (TEXEL_Y - y) ** 2)
    return (np.exp(-0.5 * distance / width**2) * _FRONT).astype(np.float32)


def albedo(identity: Identity, expression: Expression) -> np.ndarray:
    """(h, w, 3) float32 linear RGB over the chart's texels."""
    mask = _masks()
    h, w = TEXEL_X.shape
    base = tone(identity.melanin)
    value = 1.0 + 0.030 * patch(cloud(2), h, w, identity.noise) + 0.035 * patch(cloud(12), h, w, identity.noise)
    value = value - (0.16 + 0.10 * identity.age) * mask["rings"] - 0.55 * mask["wing"] * 0.5
    value = value * (1.0 - _wrinkles(mask, identity, expression)) * (1.0 - 0.90 * mask["nostrils"])
    red = mask["blush"] * (0.08 + 0.16 * identity.ruddy) + 0.025 * patch(cloud(30), h, w, identity.noise)
    red = red + 0.10 * mask["rings"]
    colour = np.empty((h, w, 3), dtype=np.float32)
    for channel, pull in enumerate(_BLUSH):
        colour[..., channel] = base[channel] * value * (1.0 + pull * red)
    if identity.freckles > 0.0:
        speck = smoothstep(patch(cloud(4), h, w, identity.noise + 7), 1.3, 2.0) * (mask["blush"] + 0.25) * 0.9
        colour *= (1.0 - identity.freckles * np.clip(speck, 0, 1)[..., None] * _FRECKLE).astype(np.float32)
    return _beard(colour * mask["throat"][..., None], identity, mask["beard"])


def _wrinkles(mask: dict[str, np.ndarray], identity: Identity, expression: Expression) -> np.ndarray:
    age = identity.age
    smile, raised = max(expression.smile, 0.0), max(expression.brows, 0.0)
    lines = mask["fold"] * (0.05 + 0.26 * age + 0.22 * smile) + mask["marionette"] * 0.25 * max(age - 0.3, 0.0)
    lines = lines + mask["forehead"] * (0.24 * max(age - 0.35, 0.0) + 0.22 * raised)
    lines = lines + mask["crow"] * (0.26 * max(age - 0.3, 0.0) + 0.10 * smile)
    return np.clip(lines + mask["glabella"] * (0.2 * max(age - 0.4, 0.0) + 0.45 * expression.frown), 0.0, 0.6)


def _beard(colour: np.ndarray, identity: Identity, mask: np.ndarray) -> np.ndarray:
    if identity.beard <= 0.0:
        return colour
    h, w = mask.shape
    grain = patch(cloud(1), h, w, identity.noise + 3)
    if identity.beard < _STUBBLE:
        cover = mask * np.clip(0.30 + 0.16 * grain, 0.0, 0.8) * (0.4 + 1.2 * identity.beard)
    else:
        curl = patch(cloud(2, 3), h, w, identity.noise + 5)
        cover = smoothstep(mask + 0.10 * curl, 0.18, 0.92) * np.clip(0.86 + 0.10 * grain, 0.0, 1.0)
    strand = patch(cloud(1, 6), h, w, identity.noise + 11)
    shine = np.clip(0.55 + 0.16 * strand + 0.08 * grain, 0.15, 1.1)[..., None] * (identity.hair + 0.01)
    return (colour + (shine - colour) * cover[..., None]).astype(np.float32)
