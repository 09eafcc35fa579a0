"""A head in front of a camera: the chart's vertices in space and in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.synthetic.shape.camera import Camera
from components.synthetic.shape.chart import interpolate, locate
from components.synthetic.shape.expressions import express
from components.synthetic.shape.features import rest
from components.synthetic.shape.person import Expression, Identity


@dataclass(frozen=True, eq=False)
class Head:
    """A head.

    Attributes:
        identity, expression: Whose it is and what it does.
        vertices: (R, C, 3), head cm.
        view: (R, C, 3), cm in the camera's frame.
        screen: (R, C, 2), (x, y), image px.
    """

    identity: Identity
    expression: Expression
    vertices: np.ndarray
    view: np.ndarray
    screen: np.ndarray

    def pictured(self, places: np.ndarray) -> np.ndarray:
        """Chart places (..., 2) -> image px (..., 2), exactly where they are drawn."""
        return interpolate(self.screen, locate(places))

    def depth(self, places: np.ndarray) -> np.ndarray:
        """Chart places (..., 2) -> cm towards the camera (...)."""
        return interpolate(self.view, locate(places))[..., 2]


def build_head(identity: Identity, expression: Expression, camera: Camera) -> Head:
    """Person, expression and pose -> head."""
    vertices = express(rest(identity.shape), expression)
    view = camera.view(vertices)
    return Head(identity, expression, vertices, view, camera.project(view))
