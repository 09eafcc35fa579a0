"""The model that a training starts from, as files below `data/`, so that it travels with data.dvc.

data/starts/NAME/model.json, model.safetensors    as the parent was saved, and its training.json
data/starts/NAME/start.json                       what `train.start_from` said, and which model that was

`pipelines.registry.parent` lays them down; here they are read. So a training asks no registry, and what it depends on
are the weights, whatever their name is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from components.configuration import configure, parse_json
from components.model import WEIGHTS, LandmarkModel, ModelConfig
from components.model_file import Weights, sha256
from pipelines.params import Params
from pipelines.registry.compatible import compare
from pipelines.registry.learnt import held_out_here
from pipelines.runtime.environment import ROOT

STARTS = "data/starts"
START = "start.json"
NOT_LAID_DOWN = "not laid down"


@dataclass(frozen=True)
class Start:
    """Which model a training starts from.

    Attributes:
        asked: What `train.start_from` said.
        source: The model's name that does not move: "heatmark-demo version 3", "run ID", or a folder.
        run: MLflow's id of its training's run; "" of a folder.
        key: Of its training; "" where nobody wrote it down.
        weights_sha256: Of model.safetensors; "" as long as it was not fetched.
        trained_on: The splits whose faces made it; "" where nobody wrote it down.
    """

    asked: str
    source: str
    run: str
    key: str
    weights_sha256: str
    trained_on: str = ""

    def __str__(self) -> str:
        return f"{self.source} (training {self.key or 'unknown'}, weights {self.weights_sha256[:12]})"

    def tags(self) -> dict[str, str]:
        """Of an MLflow run or a version that came of it."""
        return {"start": str(self), **{f"start.{name}": value for name, value in asdict(self).items() if value}}


class Loaded(NamedTuple):
    """What a training starts from.

    Attributes:
        start: A model, which is whole and fits; None: new weights.
        weights: Its own, as `LandmarkModel.load_weights` takes them.
        differences: Of its drawing, reading or cropping from the training's, and what of it is not taken over; sentences.
    """

    start: Start | None
    weights: Weights | None
    differences: list[str]

    @property
    def lines(self) -> list[str]:
        """What there is to say of it."""
        if self.start is None:
            return []
        seen = "val" in self.start.trained_on
        warning = (
            f"that was trained on {self.start.trained_on}: where its validation faces are these, their NME is too low"
        )
        return [f"starts from {self.start}", *[warning] * seen, *self.differences]

    @property
    def tags(self) -> dict[str, str]:
        """Of the training's MLflow run."""
        return self.start.tags() if self.start else {}

    @property
    def facts(self) -> dict[str, dict[str, str]]:
        """For training.json."""
        return {"start": asdict(self.start)} if self.start else {}


def folder_of(name: str, root: Path = ROOT) -> Path:
    """Where the start of a recipe of this name is laid down."""
    return root / STARTS / name


def read(name: str, root: Path = ROOT) -> Start | None:
    """What is laid down for a recipe; None if nothing is.

    Raises:
        ValueError: start.json is not what was written.
    """
    path = folder_of(name, root) / START
    if not path.is_file():
        return None
    try:
        return configure(Start, START, parse_json(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}; {_again(name)}") from error


def whole(name: str, root: Path = ROOT) -> Start | None:
    """The same, once its weights are known to be those that were laid down, to the byte.

    Raises:
        ValueError: A file is damaged or missing.
    """
    laid, path = read(name, root), folder_of(name, root) / WEIGHTS
    if laid is not None and not (path.is_file() and sha256(path) == laid.weights_sha256):
        raise ValueError(f"{path} is not the file that was laid down; {_again(name)}")
    return laid


def dependency(params: Params, root: Path = ROOT) -> dict[str, str]:
    """What a training depends on by its start: nothing, or the SHA-256 of the weights that are there."""
    if not params.train.start_from:
        return {}
    laid, path = read(params.name, root), folder_of(params.name, root) / WEIGHTS
    there = laid is not None and laid.asked == params.train.start_from and path.is_file()
    # Without the recipe's name: another recipe of the same weights is the same training.
    return {STARTS: sha256(path) if there else NOT_LAID_DOWN}


def load(params: Params, root: Path = ROOT) -> Loaded:
    """The start that is laid down for a training.

    Raises:
        ValueError: It is not there, is that of another `train.start_from`, is damaged, or does not fit.
    """
    asked, folder = params.train.start_from, folder_of(params.name, root)
    if not asked:
        return Loaded(None, None, [])
    laid = whole(params.name, root)
    if laid is None or laid.asked != asked:
        holds = f"is that of {laid.asked}" if laid else "is not there"
        raise ValueError(
            f"train.start_from is {asked}, but {folder.relative_to(root)} {holds}: `heatmark retrain` lays it down from the "
            "registry, and `dvc pull data` brings what was laid down where it was trained"
        )
    model, differences = load_fitting(laid.source, folder, params)
    return Loaded(laid, model.weights(), differences + _offset_left_behind(model.config, params))


def load_fitting(source: str, folder: Path, params: Params) -> tuple[LandmarkModel, list[str]]:
    """A saved model that a training may start from, and sentences about what differs.

    Args:
        source: What to call the model.
        folder: Of its files.
        params: Of the training.

    Raises:
        ValueError: It is damaged, does not fit, or has learnt from what would be test faces.
    """
    model = LandmarkModel.load(folder)
    return model, [*compare(source, model.config, params.model()), *held_out_here(source, folder, params)]


def _offset_left_behind(parent: ModelConfig, params: Params) -> list[str]:
    """The weights are taken over, not what was fitted after them: the way that the answers are moved is fitted anew, or is gone."""
    if not parent.mirror_offset or params.train.fit_mirror_offset:
        return []
    return [
        f"its answers are moved by {parent.mirror_offset:+.2f} px along x there, and stay where the network finds them here: "
        "train.fit_mirror_offset is false"
    ]


def _again(name: str) -> str:
    place = f"{STARTS}/{name}"
    return (
        f"`dvc checkout --force {place}` brings it back, and `rm -r {place} && heatmark retrain` lays down what "
        "train.start_from names now"
    )
