"""Plain decoders, as peers have them: numpy, one landmark after the other; and a face at a time through a network.

The peak of each map is found for a whole face at once, by numpy's argmax over flattened maps, as in MMPose; what follows
is a loop over landmarks. Written from what is published, not copied.

Reference: Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation" (DARK), CVPR 2020, in
the order of MMPose's numpy code; Bulat, Sanchez, Tzimiropoulos, "Subpixel Heatmap Regression", BMVC 2021, section 3.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch

from components.codecs.decoders import Reading
from components.geometry import from_cells
from components.model import LandmarkModel

# One map (h, w), its peak's x and y, and what decoders are told -> the offset from the peak, cells.
Offset = Callable[[np.ndarray, int, int, Reading], tuple[float, float]]


def decode_face(maps: np.ndarray, offset: Offset, reading: Reading) -> np.ndarray:
    """Maps (K, h, w) -> (K, 2), (x, y), cells."""
    peaks = maps.reshape(len(maps), -1).argmax(1)
    found = np.zeros((len(maps), 2), np.float32)
    for k, peak in enumerate(peaks.tolist()):
        y, x = divmod(peak, maps.shape[2])
        dx, dy = offset(maps[k], x, y, reading)
        found[k] = x + dx, y + dy
    return found


def argmax(heatmap: np.ndarray, x: int, y: int, reading: Reading) -> tuple[float, float]:
    return 0.0, 0.0


def quarter(heatmap: np.ndarray, x: int, y: int, reading: Reading) -> tuple[float, float]:
    side, dx, dy = len(heatmap), 0.0, 0.0
    if 0 < x < side - 1:
        dx = 0.25 * np.sign(heatmap[y, x + 1] - heatmap[y, x - 1])
    if 0 < y < side - 1:
        dy = 0.25 * np.sign(heatmap[y + 1, x] - heatmap[y - 1, x])
    return dx, dy


def soft_argmax(heatmap: np.ndarray, x: int, y: int, reading: Reading) -> tuple[float, float]:
    values, xs, ys = _window(heatmap, x, y, reading.window)
    mass = np.exp(reading.temperature * (values - values.max()))
    return _mean(mass, xs - x, ys - y)


def expectation(heatmap: np.ndarray, x: int, y: int, reading: Reading) -> tuple[float, float]:
    values, xs, ys = _window(heatmap, x, y, reading.window)
    return _mean(np.maximum(values, 0), xs - x, ys - y)


def dark(heatmap: np.ndarray, x: int, y: int, reading: Reading) -> tuple[float, float]:
    """The whole map is blurred, its logarithm taken, and one Newton step made at the peak."""
    radius, side = round(3 * reading.sigma), len(heatmap)
    size = (2 * radius + 1, 2 * radius + 1)
    blurred = cv2.GaussianBlur(heatmap, size, reading.sigma, borderType=cv2.BORDER_CONSTANT)
    logs = np.log(np.maximum(blurred, 1e-10))
    if not (1 < x < side - 2 and 1 < y < side - 2):
        return 0.0, 0.0
    slope = np.array([logs[y, x + 1] - logs[y, x - 1], logs[y + 1, x] - logs[y - 1, x]]) / 2
    across = (logs[y, x + 2] - 2 * logs[y, x] + logs[y, x - 2]) / 4
    down = (logs[y + 2, x] - 2 * logs[y, x] + logs[y - 2, x]) / 4
    mixed = (logs[y + 1, x + 1] - logs[y - 1, x + 1] - logs[y + 1, x - 1] + logs[y - 1, x - 1]) / 4
    bend = np.array([[across, mixed], [mixed, down]])
    if across * down - mixed**2 == 0:
        return 0.0, 0.0
    dx, dy = -np.linalg.inv(bend) @ slope
    return dx, dy


def _window(heatmap: np.ndarray, x: int, y: int, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values around a peak, as far as the map goes, and their columns and rows."""
    half, side = window // 2, len(heatmap)
    xs, ys = np.arange(max(0, x - half), min(side, x + half + 1)), np.arange(max(0, y - half), min(side, y + half + 1))
    return heatmap[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1], xs, ys


def _mean(mass: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> tuple[float, float]:
    total = mass.sum()
    return (mass.sum(0) * dx).sum() / total, (mass.sum(1) * dy).sum() / total


OFFSETS: dict[str, Offset] = {
    "argmax": argmax,
    "quarter": quarter,
    "soft_argmax": soft_argmax,
    "expectation": expectation,
    "dark": dark,
}


@torch.no_grad()
def find_one(model: LandmarkModel, image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A face at a time through the network, read in numpy: landmarks (K, 2), (x, y), image px.

    A decimal map is passed over: which is less than what the model does.
    """
    codec, (x0, y0, x1, y1) = model.config.codec, box.tolist()
    side, scale = codec.crop, codec.crop / (model.config.expand * max(x1 - x0, y1 - y0))
    shift = [(side - 1) / 2 - scale * (low + high) / 2 for low, high in ((x0, x1), (y0, y1))]
    crop = cv2.warpAffine(image, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), (side, side))
    outputs = model(torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1)))[None])
    maps = model.read(outputs, codec.sigma)["heatmap"][0].numpy()
    reading = Reading(codec.sigma, getattr(codec, "window", 5), getattr(codec, "temperature", 10.0))
    cells = decode_face(maps, OFFSETS.get(codec.decoder, argmax), reading)
    return (from_cells(cells, codec.stride) - shift) / scale
