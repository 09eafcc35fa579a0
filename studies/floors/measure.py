"""Measuring: the floor of each case, on the map and on faces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from components.crops import crop_affine
from components.geometry import apply, invert
from components.metrics import nme
from components.samples import Box
from pipelines.runtime.progress import Progress
from studies.floors.cases import Case
from studies.floors.faces import Faces
from studies.floors.quantisation import border_cells, decoding_errors, read_back, spread_positions

# Spread evenly: means to four digits, where random ones give two.
NUM_POSITIONS = 10_000
# Along the border are fewer places: a tenth as many positions there.
BORDER_SHARE = 10


class Floor(NamedTuple):
    """What a perfect network's landmarks are off by; Euclidean, in cells, where nothing else is said.

    Attributes:
        whole: Mean over the whole map.
        inside: Mean where the border cannot be felt; None where it is felt everywhere.
        edge: Mean near one border, and not near another; None where no border is felt.
        corner: Mean near two.
        bias_x: Mean of decoded minus true x: inside, else over the whole map.
        bias_y: The same of y.
        worst: Highest on the whole map.
        nme: Mean NME over the faces at hand, a fraction; None without faces.
    """

    whole: float
    inside: float | None
    edge: float | None
    corner: float | None
    bias_x: float
    bias_y: float
    worst: float
    nme: float | None = None

    @property
    def mean(self) -> float:
        """Inside the map if there is such a place."""
        return self.whole if self.inside is None else self.inside


Floors = dict[Case, Floor]


def measure_case(case: Case, faces: Faces | None = None, num_positions: int = NUM_POSITIONS) -> Floor:
    """The floor of one case, on the map at so many positions, and on faces."""
    side, border = case.codec.side, border_cells(case.codec)
    low, inner, high = -0.5, border - 0.5, side - 0.5
    positions = spread_positions(num_positions, (low, low), (high, high))
    errors = decoding_errors(case.codec, case.precision, positions)
    lengths = np.linalg.norm(errors, axis=1)
    inside = np.all((positions >= inner) & (positions < high - border), axis=1)
    bias = errors[inside if inside.any() else slice(None)].mean(axis=0)
    edge = corner = None
    if border > 0 and inside.any():
        count = max(1, num_positions // BORDER_SHARE)
        edge = _border_mean(case, count, (low, inner), (inner, high - border))
        corner = _border_mean(case, count, (low, low), (inner, inner))
    return Floor(
        whole=float(lengths.mean()),
        inside=float(lengths[inside].mean()) if inside.any() else None,
        edge=edge,
        corner=corner,
        bias_x=float(bias[0]),
        bias_y=float(bias[1]),
        worst=float(lengths.max()),
        nme=face_floor(case, faces) if faces else None,
    )


def _border_mean(case: Case, count: int, low: tuple[float, float], high: tuple[float, float]) -> float:
    """The mean error over a rectangle and over its mirror image in the diagonal: along x and along y, cells."""
    positions = spread_positions(count, low, high)
    both = np.concatenate([positions, positions[:, ::-1]])
    return float(np.linalg.norm(decoding_errors(case.codec, case.precision, both), axis=1).mean())


def face_floor(case: Case, faces: Faces) -> float:
    """The mean NME, a fraction, of faces whose landmarks went through their crops and the codec.

    Raises:
        ValueError: A face whose landmarks span no box.
    """
    truth = faces.landmarks
    boxes = [Box.around(face[np.isfinite(face).all(axis=1)]) for face in truth]
    affines = np.stack([crop_affine(box, case.codec.crop, faces.expand) for box in boxes])
    cropped = apply(affines, truth)
    back = read_back(case.codec, case.precision, cropped.reshape(-1, 2)).reshape(truth.shape)
    return float(nme(apply(invert(affines), back), truth, faces.normaliser).mean())


def measure_all(cases: list[Case], faces: Faces | None, num_positions: int = NUM_POSITIONS) -> Floors:
    """The floor of every case."""
    progress, floors = Progress("floors", len(cases), "cases"), {}
    for case in cases:
        floors[case] = measure_case(case, faces, num_positions)
        progress.advance(1)
    return floors
