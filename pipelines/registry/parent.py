"""From what `train.start_from` names to a model in `data/starts/NAME/`: found, checked, laid down; or left as it is.

Done by the flow alone, before `train`: a stage asks no registry. Once its own child is champion, `models:/NAME@champion`
names the child; the parent that is laid down stays then, as long as it would still give that very child.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from components.configuration import parse_json
from components.model import CONFIG, WEIGHTS, LandmarkModel
from components.model_file import sha256
from pipelines.params import Params
from pipelines.registry import start, tracking
from pipelines.registry.learnt import TRAINING
from pipelines.registry.lineage import training_key
from pipelines.registry.start import START, Start
from pipelines.runtime.environment import ROOT
from pipelines.runtime.outputs import whole_file, whole_folder

REGISTRY = ("models:/", "runs:/")
# In the registry, by a name that does not move, whatever the alias does meanwhile; or a folder.
Place = tracking.Located | Path


class Laid(NamedTuple):
    """What became of a start.

    Attributes:
        new: Whether data/ changed.
        said: What there is to say of it.
    """

    new: bool
    said: str


def find(asked: str) -> tuple[Start, Place]:
    """The model that `train.start_from` names now, and where it is; from the registry, nothing is fetched yet.

    Raises:
        ValueError: There is none; with the way out.
    """
    try:
        return _in_registry(asked) if asked.startswith(REGISTRY) else _in_folder(asked)
    except ValueError as error:
        raise ValueError(
            f'train.start_from {asked}: {error}. Train that model first (by train.start_from: "", where it is this recipe\'s '
            "own), or set MLFLOW_TRACKING_URI to the registry that has it; `dvc repro` asks none, and trains from what is laid "
            f"down in {start.STARTS}/"
        ) from error


def find_or_keep(params: Params) -> tuple[Start, Place]:
    """What `find` gives, or what is laid down of a folder that is gone: DVC removes that of a training before it begins.

    Raises:
        ValueError: There is none, or the one that is laid down is damaged; with the way out.
    """
    asked, laid = params.train.start_from, start.whole(params.name)
    if laid and laid.asked == asked and not asked.startswith(REGISTRY) and not (ROOT / asked).exists():
        return laid, start.folder_of(params.name)
    return find(asked)


def _in_registry(asked: str) -> tuple[Start, Place]:
    found = tracking.locate(asked)
    return Start(asked, found.what, found.run, found.key, "", found.trained_on), found


def _in_folder(asked: str) -> tuple[Start, Place]:
    folder = ROOT / asked
    LandmarkModel.load(folder)  # or it is damaged, and the sum below would be of anything
    key, trained_on = (_said(folder, name) for name in ("key", "trained_on"))
    return Start(asked, asked, "", key, sha256(folder / WEIGHTS), trained_on), folder


def _said(folder: Path, name: str) -> str:
    """A text that is said of the training that made a saved model; "" where none is."""
    path = folder / TRAINING
    said = parse_json(path.read_text(encoding="utf-8")) if path.is_file() else {}
    text = said.get(name) if isinstance(said, dict) else None
    return text if isinstance(text, str) else ""


@contextmanager
def files_at(place: Place) -> Iterator[Path]:
    """The folder with the model's files; one from the registry is gone after the block."""
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory() as folder:
        yield tracking.download(place, Path(folder))


def check(params: Params) -> None:
    """Finds out, before anything changes, whether there is a start, whole and fitting.

    Raises:
        ValueError: There is not, or the one that is laid down is damaged; with the way out.
    """
    if params.train.start_from:
        found, place = find_or_keep(params)
        with files_at(place) as folder:
            start.load_fitting(found.source, folder, params)


def stays(laid: Start | None, found: Start, key_now: Callable[[], str]) -> bool:
    """Whether the start that is laid down is not to be replaced by the model that is found under its name.

    It is that very model; or its child, by the training that would be run now: nothing is new but the name's aim.

    Args:
        laid: What is laid down, if anything is.
        found: What `train.start_from` names now.
        key_now: Gives the key of the training, as it would be run now, from what is laid down.
    """
    if laid is None:
        return False
    return not is_other(laid, found) or (found.key != "" and moves(found.asked) and found.key == key_now())


def is_other(laid: Start, found: Start) -> bool:
    """Whether they are two models: by their runs, or by their weights where there is no run."""
    if found.run:
        return found.run != laid.run
    return found.weights_sha256 != laid.weights_sha256


def moves(asked: str) -> bool:
    """Whether a name may come to mean another model: an alias, or a folder; versions and runs stay what they are."""
    return "@" in asked or not asked.startswith(REGISTRY)


def lay_down(params: Params, crops: Path) -> Laid:
    """Makes `data/starts/NAME` the model that the training starts from, whole or not at all.

    Args:
        params: With a `train.start_from`.
        crops: The shards that will be trained on: they say whether a training from the former start is done already.

    Raises:
        ValueError: There is no such model, it does not fit, or the one that is laid down is damaged.
    """
    asked = params.train.start_from
    (found, place), laid = find_or_keep(params), start.whole(params.name)
    if stays(laid, found, lambda: training_key(_asking(params, laid), crops)):
        assert laid is not None
        child = f": {found.source} is its child, and nothing else is new" if is_other(laid, found) else ""
        return Laid(_write(replace(laid, asked=asked), params.name), f"{laid} is laid down already{child}")
    with files_at(place) as folder:
        start.load_fitting(found.source, folder, params)
        new = replace(found, weights_sha256=sha256(folder / WEIGHTS))
        with whole_folder(start.folder_of(params.name)) as partial:
            for name in (CONFIG, WEIGHTS, TRAINING):
                if (folder / name).is_file():  # a model of nobody's training has no training.json
                    shutil.copyfile(folder / name, partial / name)
            _write_to(partial / START, new)
    return Laid(True, f"{new} is laid down in {start.STARTS}/{params.name}")


def _asking(params: Params, laid: Start | None) -> Params:
    """The same params, asking for what is laid down: `training_key` takes what is there for no other name."""
    asked = laid.asked if laid else ""
    return params.model_copy(update={"train": params.train.model_copy(update={"start_from": asked})})


def _write(new: Start, name: str) -> bool:
    """Notes another name of the same start; returns whether it was one."""
    if new == start.read(name):
        return False
    with whole_file(start.folder_of(name) / START) as partial:
        _write_to(partial, new)
    return True


def _write_to(path: Path, of: Start) -> None:
    path.write_text(json.dumps(asdict(of), indent=1) + "\n", encoding="utf-8")
