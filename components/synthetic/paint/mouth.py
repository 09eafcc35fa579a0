"""Paints lips and, where they part, teeth, tongue and the dark."""

from __future__ import annotations

import numpy as np

from components.synthetic.paint.pixels import Pixels
from components.synthetic.paint.skin import tone
from components.synthetic.shape.noise import SIDE, cloud
from components.synthetic.shape.person import Identity
from components.synthetic.shape.places import lips
from components.synthetic.shape.proportions import INNER_CORNER, LOWER_LIP_ROW, MOUTH_HALF, MOUTH_Y, UPPER_LIP_ROW
from components.synthetic.shape.splines import smoothstep

# Linear RGB.
_DARK = np.array([0.035, 0.008, 0.008])
_TEETH = np.array([0.80, 0.75, 0.66])
_TONGUE = np.array([0.42, 0.12, 0.12])
_UPPER_TOOTH, _LOWER_TOOTH = 0.8, 0.42  # cm, width of a front tooth
_LIP_COVER = 0.88  # how much of the skin's own colour the lips' hides
_WET = 0.15  # gloss of teeth and tongue


def paint_mouth(pixels: Pixels, identity: Identity, gap: tuple[np.ndarray, np.ndarray], show: float) -> None:
    """Paints the mouth.

    Args:
        gap: Chart x (C,) and how far the lips stand apart there (C,), cm.
        show: How much of the upper teeth the lip bares, cm.
    """
    index = pixels.near(0.0, MOUTH_Y, 2.9, 2.2)
    if not len(index):
        return
    x, y = pixels.x[index], pixels.y[index]
    _lips(pixels, index, x, y, identity)
    inside = (y > UPPER_LIP_ROW) & (y < LOWER_LIP_ROW) & (np.abs(x) < INNER_CORNER)
    within = index[inside]
    apart = np.interp(x[inside], *gap)
    down = (y[inside] - UPPER_LIP_ROW) / (LOWER_LIP_ROW - UPPER_LIP_ROW) * apart
    pixels.colour[within] = _cavity(x[inside], down, apart, show)
    pixels.gloss[within] = _WET


def _lips(pixels: Pixels, index: np.ndarray, x: np.ndarray, y: np.ndarray, identity: Identity) -> None:
    upper, lower = lips(x, identity)
    inside = np.minimum(np.minimum(y - upper, lower - y), MOUTH_HALF - np.abs(x))
    soft = max(0.05, pixels.blur)
    alpha = smoothstep(inside, -soft, soft)
    fine = cloud(2, 8)[(y * 40).astype(int) % SIDE, ((x + 4.0) * 60).astype(int) % SIDE]
    value = 1.0 + 0.06 * fine - 0.16 * (y < MOUTH_Y)
    off = np.minimum(np.abs(y - UPPER_LIP_ROW), np.abs(y - LOWER_LIP_ROW))  # cm from where the lips meet
    seam = np.exp(-((off / 0.10) ** 2))
    skin = tone(identity.melanin)
    colour = identity.lip_colour * (0.30 + 0.35 * skin.mean()) if identity.lipstick else identity.lip_colour * skin
    pixels.mix(index, colour * (value * (1.0 - 0.55 * seam))[:, None], alpha * _LIP_COVER)
    pixels.gloss[index] += alpha * (0.35 * (y > MOUTH_Y) + 0.10)
    corner = np.exp(-(((np.abs(x) - MOUTH_HALF) / 0.16) ** 2) - ((y - MOUTH_Y) / 0.12) ** 2)
    pixels.mix(index, pixels.colour[index] * 0.3, corner * 0.8)


def _cavity(x: np.ndarray, down: np.ndarray, apart: np.ndarray, show: float) -> np.ndarray:
    """(n, 3): x and down (cm below the upper lip) inside a mouth that stands apart that much."""
    colour = np.tile(_DARK, (len(x), 1))
    rise = apart - down
    tongue = smoothstep(rise, 0.75, 0.15) * smoothstep(apart, 0.5, 1.1) * smoothstep(np.abs(x), 1.7, 0.9)
    colour += (_TONGUE * 0.8 - colour) * tongue[:, None]
    below = smoothstep(rise, 0.34, 0.24) * smoothstep(apart, 0.55, 0.9) * smoothstep(np.abs(x), 1.75, 1.3)
    colour += (_tooth(x, _LOWER_TOOTH, rise) * 0.8 - colour) * below[:, None]
    edge = show - 0.06 * x * x * 0.35 - 0.035 * np.abs(np.sin(np.pi * x / _UPPER_TOOTH))
    above = smoothstep(down, edge + 0.03, edge - 0.03) * smoothstep(apart, 0.10, 0.22)
    colour += (_tooth(x, _UPPER_TOOTH, down) - colour) * above[:, None]
    return colour * (0.35 + 0.65 * smoothstep(np.minimum(down, rise), 0.0, 0.14))[:, None]


def _tooth(x: np.ndarray, width: float, down: np.ndarray) -> np.ndarray:
    """(n, 3) a row of teeth that darkens towards the cheeks."""
    phase = np.abs((x / width + 0.5) % 1.0 - 0.5)
    gap = 1.0 - 0.30 * smoothstep(phase, 0.44, 0.5)
    return _TEETH * (gap * (1.0 - 0.16 * x * x) * (0.85 + 0.15 * smoothstep(down, 0.0, 0.2)))[:, None]
