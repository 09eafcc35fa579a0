"""A model to use: from the registry, a run or a folder; pictures with boxes in, faces out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Protocol

import numpy as np
import torch

from components import images
from components.model import Found, LandmarkModel, ModelConfig
from pipelines.runtime import environment
from pipelines.serving.faces import Faces

Picture = np.ndarray | Path | str
REGISTRY = ("models:/", "runs:/")
ONNX = ".onnx"


def load(where: Path | str) -> Model:
    """Loads a model, onto a GPU if there is one.

    Args:
        where: `models:/NAME@ALIAS`, `models:/NAME/VERSION` or `runs:/ID`, in the checkout's registry or the one that
            MLFLOW_TRACKING_URI names; a folder that holds a saved model; or a file NAME.onnx that `export` wrote.

    Raises:
        ValueError: There is no such model, or it cannot be used.
    """
    if str(where).endswith(ONNX) and not Path(where).is_dir():
        from pipelines.serving.onnx_model import OnnxModel

        return Model(OnnxModel(where))
    with TemporaryDirectory() as place:
        saved = fetched(where, Path(place))
        return Model(LandmarkModel.load(saved.folder).to("cuda" if torch.cuda.is_available() else "cpu"))


class Saved(NamedTuple):
    """A saved model.

    Attributes:
        folder: With its files.
        what: For people: "heatmark-demo version 3", or "run ID"; "" of a folder, whose place is nobody else's business.
        tags: What a registry says of it.
    """

    folder: Path
    what: str
    tags: dict[str, str]


def fetched(where: Path | str, place: Path) -> Saved:
    """The model that a person names, its files fetched into the folder `place` if a registry has them.

    Raises:
        ValueError: There is no such model.
    """
    if not str(where).startswith(REGISTRY):
        return Saved(Path(where), "", {})
    environment.set_defaults(only="MLFLOW_")  # quiet, and calling nobody else; it reads them when it is imported
    from pipelines.registry import tracking

    found = tracking.locate(str(where))
    return Saved(tracking.download(found, place), found.what, found.tags)


class Finder(Protocol):
    """Whatever finds the landmarks of one face per picture."""

    config: ModelConfig

    def find(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> Found:
        """As `LandmarkModel.find`."""


class Model:
    """Finds landmarks on pictures.

    Args:
        network: The model as it was trained, on whatever device it is, or as it was exported.
    """

    def __init__(self, network: Finder) -> None:
        self.network = network
        self.scheme = network.config.scheme
        # What its boxes were drawn around when it was trained: "landmarks", tightly, or "annotated", as its dataset did.
        self.box = network.config.box

    @property
    def names(self) -> tuple[str, ...]:
        """Of the landmarks that it finds."""
        return self.scheme.names

    def find(self, pictures: Picture | Sequence[Picture], boxes: object = None) -> Faces:
        """Finds the landmarks of every face that has a box.

        A picture without boxes counts as one face's box as a whole: fit for a picture that was cut around a face, and
        for no other. A file's pixels are taken as they are stored, whatever its EXIF says of turning them.

        Args:
            pictures: One picture, or a list of them: a file, or (H, W, 3) uint8, RGB.
            boxes: For one picture (4,) or (F, 4), x0 y0 x1 y1, image px, drawn as `box` says; for a list of pictures a
                list of those, or of None. None: whole pictures.

        Raises:
            ValueError: A picture cannot be read, or a box has no area or lies outside its picture.
        """
        if isinstance(pictures, (str, Path)) or (isinstance(pictures, np.ndarray) and pictures.ndim == 3):
            return self.find([pictures], [boxes])
        pixels = [_pixels(picture) for picture in pictures]
        each = [None] * len(pixels) if boxes is None else list(boxes)  # type: ignore[call-overload]
        if len(each) != len(pixels):
            raise ValueError(f"{len(pixels)} pictures, but boxes for {len(each)}")
        parts = [_boxes(own, picture) for own, picture in zip(each, pixels, strict=True)]
        counts = [len(part) for part in parts]
        picture = np.repeat(np.arange(len(pixels)), counts)
        together = np.concatenate([np.zeros((0, 4)), *parts])
        found = self.network.find([pixels[i] for i in picture], together)
        known = self.network.config.expected_error
        return Faces(*found, known.protocol if known else "", together, picture, pixels, self.scheme)


def _pixels(picture: Picture) -> np.ndarray:
    if isinstance(picture, np.ndarray):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
            raise ValueError(f"expected pictures (H, W, 3) uint8, got {picture.shape} {picture.dtype}")
        return picture
    path = Path(picture)
    return images.read(path.parent, path.name)


def whole(picture: np.ndarray) -> np.ndarray:
    """The box (1, 4) of a whole picture, from edge to edge: pixel centres are at integers."""
    height, width = picture.shape[:2]
    return np.array([[-0.5, -0.5, width - 0.5, height - 0.5]])


def _boxes(boxes: object, picture: np.ndarray) -> np.ndarray:
    """(F, 4) float64, checked."""
    if boxes is None:
        return whole(picture)
    checked = np.asarray(boxes, np.float64)
    if checked.size and (checked.ndim > 2 or checked.shape[-1] != 4):
        raise ValueError(f"expected boxes (4,) or (F, 4), x0 y0 x1 y1, got {checked.shape}")
    checked = checked.reshape(-1, 4)
    for box in checked:
        check_box(box, picture)
    return checked


def check_box(box: np.ndarray, picture: np.ndarray) -> None:
    """Refuses a box in which nothing can be found.

    Raises:
        ValueError: It is not finite, has no area, or touches the picture nowhere.
    """
    x0, y0, x1, y1 = (float(side) for side in box)
    height, width = picture.shape[:2]
    shown = f"box {x0:g} {y0:g} {x1:g} {y1:g}"
    if not (np.isfinite(box).all() and x1 > x0 and y1 > y0):
        raise ValueError(f"{shown}: expected x0 < x1 and y0 < y1, px")
    if x1 < -0.5 or y1 < -0.5 or x0 > width - 0.5 or y0 > height - 0.5:
        raise ValueError(f"{shown} lies outside the picture of {width} x {height} px")
