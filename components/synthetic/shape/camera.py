"""Head pose and the camera: cm of the head -> px of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.geometry import from_cells

OVERSAMPLE = 2  # faces are drawn that many times as large, then averaged
NOWHERE = -1e3  # cm, the depth of a pixel that shows nothing: far behind everything


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in front of a turned head.

    Attributes:
        yaw, pitch, roll: Degrees; positive yaw turns the nose to the image's right, pitch down, roll clockwise.
        scale: px per cm at the head's centre.
        centre: (x, y) px of the head's centre.
        distance: cm to the head's centre; near ones enlarge the nose.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    centre: tuple[float, float]
    distance: float

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3), head -> view; x right, y down, z towards the camera."""
        return _about_z(self.roll) @ _about_x(self.pitch) @ _about_y(self.yaw)

    def view(self, points: np.ndarray, follow: float = 1.0) -> np.ndarray:
        """Head cm (..., 3) -> view cm (..., 3). With follow < 1 only a part of the turn (neck, shoulders)."""
        camera = Camera(self.yaw * follow, self.pitch * follow, self.roll * follow, 1.0, (0.0, 0.0), 1.0)
        turn = camera.rotation
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        return np.stack([turn[i, 0] * x + turn[i, 1] * y + turn[i, 2] * z for i in range(3)], axis=-1)

    def project(self, points: np.ndarray) -> np.ndarray:
        """View cm (..., 3) -> image px (..., 2), (x, y)."""
        near = self.scale * self.distance / (self.distance - points[..., 2])
        return np.stack([self.centre[0] + near * points[..., 0], self.centre[1] + near * points[..., 1]], axis=-1)

    def on_canvas(self, points: np.ndarray) -> np.ndarray:
        """View cm (..., 3) -> px (..., 2) of the canvas that is OVERSAMPLE times as large as the picture."""
        return from_cells(self.project(points), OVERSAMPLE)


def _about_x(degrees: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])


def _about_y(degrees: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _about_z(degrees: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
