"""Ears, neck and shoulders."""

from __future__ import annotations

from functools import cache

import numpy as np

from components.synthetic.shape.camera import Camera
from components.synthetic.shape.person import Identity
from components.synthetic.shape.skull import lengthen, skull
from components.synthetic.shape.splines import bell, smoothstep, spline

# Half width, half depth and depth of the centre at heights below the eyes, cm.
# fmt: off
_TORSO = np.array(
    [(4.0, 5.0, 4.4, -2.0), (8.0, 4.9, 4.4, -2.2), (11.0, 5.1, 4.6, -2.5), (13.0, 5.6, 4.9, -2.8),
     (14.3, 7.0, 5.3, -3.0), (15.3, 9.5, 5.7, -3.1), (16.4, 13.0, 6.2, -3.2), (17.8, 16.5, 6.8, -3.3),
     (20.0, 18.5, 7.4, -3.3), (26.0, 19.3, 8.0, -3.3), (40.0, 20.0, 8.5, -3.0)]
)
# fmt: on
HEIGHTS = np.concatenate([np.linspace(4.0, 18.0, 18), np.linspace(20.0, 40.0, 5)])  # (R,) cm, of the torso's rows
_FOLLOWS = (0.85, 0.3)  # parts of the head's turn that the top of the neck and the shoulders make

# An ear in polar coordinates: distance from its hole, 0..1, (12, 1); angle, clockwise from the back, (1, 30).
EAR_RHO = np.linspace(0.0, 1.0, 12)[:, None]
EAR_PSI = np.linspace(0.0, 2.0 * np.pi, 30)[None, :]
EAR_RIM = smoothstep(np.cos(EAR_PSI - 0.35 * np.pi - np.pi * 1.15), -0.75, 0.1)  # where the fold at its edge is
_EAR_HALF_WIDTH, _EAR_HALF_HEIGHT = 1.55, 2.9  # cm
_EAR_AT = 1.5  # cm below the eyes, where an ear grows
_STICKS_OUT = 24.0  # degrees


def torso(camera: Camera, identity: Identity) -> np.ndarray:
    """Vertices (R, C, 3) in view cm; they follow the head less the further down they are."""
    y = HEIGHTS
    half, deep, centre = (spline(list(zip(_TORSO[:, 0], _TORSO[:, i], strict=True)))(y) for i in (1, 2, 3))
    half = half * (0.90 + 0.16 * identity.masculine)
    angle = np.deg2rad(np.linspace(-100.0, 100.0, 29))
    x = half[:, None] * np.sin(angle)
    z = centre[:, None] + deep[:, None] * np.cos(angle)
    cord = 0.35 * bell(np.abs(x) - (4.6 - 0.3 * (y[:, None] - 4.0)), 0.7) * smoothstep(y, 15.0, 10.0)[:, None]
    rise = 0.012 * np.square(np.maximum(np.abs(x) - 6.0, 0.0)) * smoothstep(y, 13.0, 17.0)[:, None]
    drop = np.broadcast_to(lengthen(y[:, None], identity.shape), x.shape) + rise
    points = np.stack([x, drop, z + cord], axis=-1)
    near = smoothstep(y, 17.0, 5.0)[:, None, None]
    return camera.view(points, _FOLLOWS[0]) * near + camera.view(points, _FOLLOWS[1]) * (1.0 - near)


@cache
def _ear_sheet() -> np.ndarray:
    """A right-hand ear, flat: vertices (R, C, 3), (back, down, out) in cm."""
    rho, psi = EAR_RHO, EAR_PSI
    wide, high = _EAR_HALF_WIDTH + 0.25 * np.sin(-psi), _EAR_HALF_HEIGHT
    back = rho * wide * np.cos(psi) + 0.75 + 0.25 * rho * np.sin(-psi)
    down = rho * high * np.sin(psi) * (1.0 - 0.10 * np.cos(psi)) - 0.2
    out = 0.42 * bell(rho - 0.88, 0.09) * EAR_RIM + 0.28 * bell(rho - 0.55, 0.12) * smoothstep(np.cos(psi), -0.2, 0.6)
    out = out - 0.45 * bell(rho, 0.26) + 0.35 * rho * np.cos(psi) + 0.12 * (1 - rho)
    return np.stack([back, down, out], axis=-1)


def ears(identity: Identity) -> list[np.ndarray]:
    """Two grids (R, C, 3) in head cm, the image-left ear first."""
    size = 1.0 + 0.06 * identity.shape["ears"] + 0.08 * identity.age
    stick = np.deg2rad(_STICKS_OUT + 5.0 * identity.shape["ears"])
    back, down, out = (_ear_sheet()[..., i] * size for i in range(3))
    place = skull(np.array(np.pi / 2), np.array(_EAR_AT), identity.shape)
    x = place[0] - 0.25 + back * np.sin(stick) + out * np.cos(stick)
    z = place[2] - 0.6 - back * np.cos(stick) + out * np.sin(stick)
    y = lengthen(np.array(_EAR_AT + 0.2), identity.shape) + down
    right_hand = np.stack([x, y, z], axis=-1)
    return [right_hand[:, ::-1] * (-1.0, 1.0, 1.0), right_hand]
