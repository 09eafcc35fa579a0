"""What is measured against its plain way: targets, decoders, inference; each a pair of calls on the same faces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch

from components.codecs import Codec, Hih, Subpixel
from components.codecs.decoders import Reading
from components.geometry import to_cells
from components.images import decode_own
from components.model import Found, LandmarkModel
from components.samples import tight_boxes
from pipelines.params import Params
from pipelines.runtime.tables import from_column
from pipelines.serving.export import write as write_onnx
from pipelines.serving.onnx_model import OnnxModel
from studies.data_path.plain import draw_maps
from studies.speed.plain import OFFSETS, decode_face, find_one

# WFLW's landmarks on HIH's maps: 64 x 64 cells of 4 px.
LANDMARKS, SIGMA = 98, 1.5
GRID: dict[str, Any] = {"crop": 256, "stride": 4}
# Of maps with peak 1, so that no decoder works on a drawing.
NOISE = 0.02
GOALS = {"hih": 10.0, "soft_argmax": 3.5, "expectation": 3.5, "dark": 19.0}
TARGETS, DECODER = "targets, ", "decoder "
WRITTEN, READ = "maps written once", "maps read once"


class Pair(NamedTuple):
    """Two ways to do the same for all faces.

    Attributes:
        ours: As Heatmark does it, in one call.
        plain: As it is plainly done, face by face; None for a bare limit.
        goal: How many times as fast ours is to be; None without one.
    """

    ours: Callable[[], object]
    plain: Callable[[], object] | None
    goal: float | None = None


def targets(num_faces: int) -> dict[str, Pair]:
    """Landmarks to dense maps: of HIH, whose plain way is its published code's, and of one Gaussian."""
    landmarks = np.random.default_rng(0).uniform(0, GRID["crop"] - 1, (num_faces, LANDMARKS, 2)).astype(np.float32)
    visible = np.ones(landmarks.shape[:2], bool)
    sides = to_cells(landmarks.astype(np.float64), GRID["crop"]) + 0.5  # edge-based, in crop sides

    def pair(codec: Codec, num_bins: int) -> Pair:
        def ours() -> dict[str, torch.Tensor]:
            encoded = codec.encode(landmarks, visible)
            return codec.render({name: torch.from_numpy(values) for name, values in encoded.items()})

        return Pair(ours, lambda: [draw_maps(face, codec, num_bins) for face in sides])

    hih, subpixel = Hih(**GRID, sigma=SIGMA), Subpixel(**GRID, sigma=SIGMA)
    maps = torch.empty(num_faces, LANDMARKS, hih.side, hih.side)
    return {
        TARGETS + "hih": pair(hih, 8)._replace(goal=GOALS["hih"]),
        TARGETS + "subpixel": pair(subpixel, 0),
        WRITTEN: Pair(maps.zero_, None),
    }


def noisy_maps(num_faces: int) -> torch.Tensor:
    """(N, K, h, w): drawn Gaussians under noise."""
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(0, GRID["crop"] - 1, (num_faces, LANDMARKS, 2)).astype(np.float32)
    codec = Subpixel(**GRID, sigma=SIGMA)
    encoded = codec.encode(landmarks, np.ones(landmarks.shape[:2], bool))
    maps = codec.render({name: torch.from_numpy(values) for name, values in encoded.items()})["heatmap"]
    return maps + NOISE * torch.from_numpy(rng.standard_normal(maps.shape, np.float32))


def decoders(num_faces: int) -> dict[str, Pair]:
    """Dense maps to landmarks, by every decoder that has a plain way."""
    maps = noisy_maps(num_faces)
    faces = maps.numpy()

    def pair(name: str) -> Pair:
        codec = Subpixel(**GRID, sigma=SIGMA, decoder=name)
        reading = Reading(SIGMA, codec.window, codec.temperature)
        return Pair(
            lambda: codec.decode({"heatmap": maps}),
            lambda: [decode_face(face, OFFSETS[name], reading) for face in faces],
            GOALS.get(name),
        )

    return {**{DECODER + name: pair(name) for name in OFFSETS}, READ: Pair(maps.sum, None)}


def inference(params: Params, crops: pa.Table) -> dict[str, Pair]:
    """Pictures to landmarks by the recipe's network, untrained: all faces in batches, or one after the other; and by the same
    network in ONNX Runtime, or in torch, both in batches."""
    torch.manual_seed(0)
    model = LandmarkModel(params.model()).eval()
    pictures = [decode_own(jpeg.as_buffer()) for jpeg in crops.column("pixels")]
    boxes = tight_boxes(from_column(crops, "crop_landmarks", model.config.scheme.num_landmarks, 2)).astype(np.float64)

    def plain() -> list[np.ndarray]:
        return [find_one(model, picture, box) for picture, box in zip(pictures, boxes, strict=True)]

    def ours() -> Found:
        return model.find(pictures, boxes)

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(model, path, {})
        exported = OnnxModel(path, num_threads=1)
    return {
        f"inference, {params.name}": Pair(ours, plain),
        f"by ONNX, {params.name}": Pair(lambda: exported.find(pictures, boxes), ours),
    }
