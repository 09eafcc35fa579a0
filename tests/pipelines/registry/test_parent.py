"""From a name to a model that is laid down: when the one that is there stays, in a table and with a real registry."""

from __future__ import annotations

import json
import shutil

import pytest

from pipelines.registry.parent import moves, stays
from pipelines.registry.start import Start
from pipelines.runtime.environment import ROOT

ALIAS, VERSION, FOLDER = "models:/heatmark-tiny@champion", "models:/heatmark-tiny/2", "artifacts/tiny/model"
LAID = Start(ALIAS, "heatmark-tiny version 1", "run1", "key1", "sha1")
# What the training that would be run now, from what is laid down, is called.
NOW = "key2"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Start(ALIAS, "heatmark-tiny version 1", "run1", "key1", ""), True),  # the very model
        (Start("runs:/run1", "run run1", "run1", "key1", ""), True),  # under another name
        (Start(ALIAS, "heatmark-tiny version 2", "run2", NOW, ""), True),  # its child, by today's training
        (Start(ALIAS, "heatmark-tiny version 2", "run2", "key3", ""), False),  # ... by another: something is new
        (Start(ALIAS, "heatmark-tiny version 2", "run2", "", ""), False),  # nobody knows by which
        (Start(VERSION, "heatmark-tiny version 2", "run2", NOW, ""), False),  # a version is what was meant
        (Start("runs:/run2", "run run2", "run2", NOW, ""), False),
        (Start(FOLDER, FOLDER, "", "key1", "sha1"), True),  # the same weights
        (Start(FOLDER, FOLDER, "", NOW, "sha2"), True),  # the folder that the training itself writes
        (Start(FOLDER, FOLDER, "", "key3", "sha2"), False),
    ],
)
def test_what_is_laid_down_stays_if_the_name_leads_to_itself_or_to_its_own_child(found: Start, expected: bool) -> None:
    assert expected == stays(LAID, found, lambda: NOW)


def test_where_nothing_is_laid_down_nothing_stays() -> None:
    assert not stays(None, LAID, lambda: NOW)


def test_the_key_is_only_asked_for_where_it_decides() -> None:
    def unasked() -> str:
        raise AssertionError

    assert stays(LAID, LAID, unasked)


@pytest.mark.parametrize(
    ("asked", "expected"), [(ALIAS, True), (FOLDER, True), (VERSION, False), ("runs:/a", False), ("a@b/model", True)]
)
def test_aliases_and_folders_may_come_to_mean_another_model(asked: str, expected: bool) -> None:
    assert expected == moves(asked)


# Versions of untrained models: 1 by any training, 2 by the one that would follow from version 1.
REGISTER = """
import pathlib, torch
from components.model import LandmarkModel
from pipelines.params import load_params
from pipelines.registry import tracking
from pipelines.registry.lineage import training_key
from pipelines.registry.parent import lay_down
params, crops = load_params(), pathlib.Path("crops")
client = tracking.connect()
registry = tracking.Registry(client, "heatmark-tiny")
def add(seed, key):
    torch.manual_seed(seed)
    folder = pathlib.Path("models", str(seed))
    folder.mkdir(parents=True)
    LandmarkModel(params.model()).save(folder)
    run = tracking.Run(client, key, "tiny")
    model, source = tracking.log_model(run, folder, 68)
    registry.point("champion", registry.add(source, run, {tracking.KEY_TAG: key}, model))
add(1, "any")
print(lay_down(params, crops))
add(2, training_key(params, crops))
"""
LAY = """
import pathlib
from pipelines.params import load_params
from pipelines.registry.parent import check, lay_down
params = load_params()
check(params)
print(*lay_down(params, pathlib.Path("crops")), sep=" | ")
"""


@pytest.fixture(scope="module")
def project(make_project):
    """A copy with version 1 laid down, and champion, its child, beside it in the registry."""
    project = make_project()
    shutil.copy(ROOT / "tests/tiny.yaml", project.root / "params.yaml")
    project.edit("params.yaml", ('start_from: ""', f"start_from: {ALIAS}"))
    (project.root / "crops").mkdir()
    (project.root / "crops/train-00000-of-00001.parquet").write_bytes(b"faces")
    project.run("python", "-c", REGISTER)
    return project


def lay(project) -> str:
    return project.run("python", "-c", LAY).stdout.splitlines()[-1]


def noted(project) -> dict:
    return json.loads((project.root / "data/starts/tiny/start.json").read_text())


def weights(project, folder: str) -> bytes:
    return (project.root / folder / "model.safetensors").read_bytes()


def test_a_champion_by_the_training_that_would_be_run_now_is_not_laid_down(project):
    assert lay(project).startswith("False | heatmark-tiny version 1 (training any, weights ")
    assert weights(project, "models/1") == weights(project, "data/starts/tiny")
    assert "heatmark-tiny version 1" == noted(project)["source"]


def test_the_same_model_by_another_name_is_only_noted(project):
    project.edit("params.yaml", (ALIAS, "models:/heatmark-tiny/1"))
    assert lay(project).startswith("True | heatmark-tiny version 1 ")
    assert "models:/heatmark-tiny/1" == noted(project)["asked"]
    project.edit("params.yaml", ("models:/heatmark-tiny/1", ALIAS))
    assert lay(project).startswith("True | heatmark-tiny version 1 ")
    assert ALIAS == noted(project)["asked"]


def test_a_damaged_start_is_refused_and_not_replaced_by_the_child(project):
    path = project.root / "data/starts/tiny/model.safetensors"
    before = path.read_bytes()
    path.write_bytes(before[:-1])
    done = project.run("python", "-c", LAY, check=False)
    assert f"{path} is not the file that was laid down; `dvc checkout --force data` brings it back" in done.stderr
    path.write_bytes(before)


def test_a_version_that_is_named_is_laid_down_although_it_is_its_child(project):
    project.edit("params.yaml", (ALIAS, VERSION))
    assert lay(project).startswith("True | heatmark-tiny version 2 (training ")
    assert weights(project, "models/2") == weights(project, "data/starts/tiny")


def test_with_new_crops_the_champion_is_laid_down(project):
    project.edit("params.yaml", (VERSION, "models:/heatmark-tiny/1"))
    lay(project)
    project.edit("params.yaml", ("models:/heatmark-tiny/1", ALIAS))
    (project.root / "crops/train-00000-of-00001.parquet").write_bytes(b"more faces")
    assert lay(project).startswith("True | heatmark-tiny version 2 (training ")
    assert ALIAS == noted(project)["asked"]


def test_a_model_that_is_not_there_is_refused_with_the_way_out(project):
    project.edit("params.yaml", (ALIAS, "models:/heatmark-tiny@previous"))
    before = noted(project)
    done = project.run("python", "-c", LAY, check=False)
    assert (
        "ValueError: train.start_from models:/heatmark-tiny@previous: heatmark-tiny has no alias 'previous'; it has: "
        "@champion, version 1, version 2. Train that model first "
    ) in done.stderr
    assert before == noted(project)
