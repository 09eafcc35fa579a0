"""A model to use: from the registry, a run or a folder; pictures with boxes in, faces out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Protocol

import numpy as np
import torch

from components import images
from components.boxes import around, boxes_on
from components.model import Found, LandmarkModel, ModelConfig
from components.model_file import CONFIG, sha256
from pipelines.runtime import environment
from pipelines.serving.faces import Faces

Picture = np.ndarray | Path | str
REGISTRY = ("models:/", "runs:/")
ONNX = ".onnx"
# What is said of a model that stands in a registry.
FACTS = (
    "model",
    "data_version",
    "git_commit",
    "trained_on",
    "licences",
    "protocol",
    "test_nme",
    "test_nme_interval",
    "test_faces",
)


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

        return Model(OnnxModel(where), sha256(Path(where)))
    with TemporaryDirectory() as place:
        saved = fetched(where, Path(place))
        network = LandmarkModel.load(saved.folder).to("cuda" if torch.cuda.is_available() else "cpu")
        return Model(network, sha256(saved.folder / CONFIG))


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

    @property
    def facts(self) -> dict[str, str]:
        """Those of `FACTS` that are known."""
        known = {**self.tags, "model": self.what}
        return {name: known[name] for name in FACTS if known.get(name)}


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
        identity: A hash that tells it from others; of a saved model, of its JSON, in which its weights' own is.
    """

    def __init__(self, network: Finder, identity: str = "") -> None:
        self.network = network
        self.identity = identity
        self.scheme = network.config.scheme
        # What its boxes were drawn around when it was trained: "landmarks", tightly, or "annotated", as its dataset did.
        self.box = network.config.box
        known = network.config.expected_error
        self.protocol = known.protocol if known else ""  # whose normaliser its expected errors are in

    @property
    def names(self) -> tuple[str, ...]:
        """Of the landmarks that it finds."""
        return self.scheme.names

    @property
    def looks_again(self) -> bool:
        """Whether a second look's boxes, around the landmarks of the first, are drawn as those that it was trained with."""
        return self.box == "landmarks"

    def check_passes(self, passes: int) -> None:
        """Refuses a number of looks that the model cannot take.

        Raises:
            ValueError: It is below one, or a second look's boxes would not be drawn as those that it was trained with.
        """
        if passes < 1:
            raise ValueError(f"expected at least one pass, got {passes}")
        if passes > 1 and not self.looks_again:
            raise ValueError(
                "this model was trained with its dataset's own boxes, and none can be drawn like them around landmarks that "
                "were found: use one pass"
            )

    def find(self, pictures: Picture | Sequence[Picture], boxes: object = None, passes: int = 1) -> Faces:
        """Finds the landmarks of every face that has a box.

        A picture without boxes counts as one face's box as a whole: fit for a picture that was cut around a face, and
        for no other. A file's pixels are taken as they are stored, whatever its EXIF says of turning them.

        Args:
            pictures: One picture, or a list of them: a file, or (H, W, 3) uint8, RGB.
            boxes: For one picture (4,) or (F, 4), x0 y0 x1 y1, image px, drawn as `box` says; for a list of pictures a
                list of those, or of None. None: whole pictures.
            passes: How often to look: after the first time in the box around the landmarks that were found, so that it
                matters less how well the given one fits (docs/results.md).

        Raises:
            ValueError: A picture cannot be read, a box has no area or lies outside its picture, or `check_passes`.
        """
        self.check_passes(passes)
        if isinstance(pictures, (str, Path)) or (isinstance(pictures, np.ndarray) and pictures.ndim == 3):
            return self.find([pictures], [boxes], passes)
        pixels = [_pixels(picture) for picture in pictures]
        each = [None] * len(pixels) if boxes is None else list(boxes)  # type: ignore[call-overload]
        if len(each) != len(pixels):
            raise ValueError(f"{len(pixels)} pictures, but boxes for {len(each)}")
        parts = [boxes_on(picture, own) for own, picture in zip(each, pixels, strict=True)]
        counts = [len(part) for part in parts]
        picture = np.repeat(np.arange(len(pixels)), counts)
        together = np.concatenate([np.zeros((0, 4)), *parts])
        each_face = [pixels[i] for i in picture]
        found = self.network.find(each_face, together)
        for _ in range(passes - 1):
            found = self.network.find(each_face, around(found.landmarks, together))
        return Faces(*found, self.protocol, together, picture, pixels, self.scheme)


def _pixels(picture: Picture) -> np.ndarray:
    if isinstance(picture, np.ndarray):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
            raise ValueError(f"expected pictures (H, W, 3) uint8, got {picture.shape} {picture.dtype}")
        return picture
    path = Path(picture)
    return images.read(path.parent, path.name)
