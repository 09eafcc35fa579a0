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


# Versions of untrained models: 1 by any training, 2 by the one that would follow from version 1; then what becomes of the
# start under one name after another, in one process, since each would load torch and MLflow anew.
SCENARIO = """
import json, pathlib, shutil, sys, torch
from components.model import LandmarkModel
from pipelines.params import load_params
from pipelines.registry import parent, tracking
from pipelines.registry.lineage import training_key
params, crops, weights = load_params(), pathlib.Path("crops"), pathlib.Path("data/starts/tiny/model.safetensors")
client = tracking.connect()
registry = tracking.Registry(client, "heatmark-tiny")

def asking(asked):
    return params.model_copy(update={"train": params.train.model_copy(update={"start_from": asked})})

def add(seed, key):
    torch.manual_seed(seed)
    folder = pathlib.Path("models", str(seed))
    folder.mkdir(parents=True)
    LandmarkModel(params.model()).save(folder)
    run = tracking.Run(client, key, "tiny")
    model, source = tracking.log_model(run, folder)
    registry.point("champion", registry.add(source, run, {tracking.KEY_TAG: key}, model))

def lay(asked):
    try:
        parent.check(asking(asked))
        said = [*parent.lay_down(asking(asked), crops)]
    except ValueError as error:
        said = [None, str(error)]
    note = json.loads(weights.with_name("start.json").read_text())
    same = [path.parent.name for path in pathlib.Path("models").rglob(weights.name) if path.read_bytes() == weights.read_bytes()]
    return [*said, note["asked"], same]

alias, first, second = "models:/heatmark-tiny@champion", "models:/heatmark-tiny/1", "models:/heatmark-tiny/2"
add(1, "any")
outcomes = {"first": lay(alias)}
add(2, training_key(asking(alias), crops))
outcomes["child"] = lay(alias)
outcomes["renamed"] = lay(first)
outcomes["child again"] = lay(alias)
whole = weights.read_bytes()
weights.write_bytes(whole[:-1])
outcomes["damaged"] = lay(alias)
weights.write_bytes(whole)
outcomes["second"] = lay(second)
outcomes["first again"] = lay(first)
(crops / "synthetic/train-00000-of-00001.parquet").write_bytes(b"more faces")
outcomes["new faces"] = lay(alias)
outcomes["missing"] = lay("models:/heatmark-tiny@previous")
outcomes["folder"] = lay("models/1")
shutil.rmtree("models/1")
outcomes["folder gone"] = lay("models/1")
print(json.dumps(outcomes))
"""
FIRST, SECOND = "models:/heatmark-tiny/1", "models:/heatmark-tiny/2"


@pytest.fixture(scope="module")
def outcomes(make_project):
    """Of each step: whether data/ changed, what was said, the name that is noted, and which model's weights are there."""
    project = make_project()
    shutil.copy(ROOT / "tests/tiny.yaml", project.root / "params.yaml")
    (project.root / "crops/synthetic").mkdir(parents=True)
    (project.root / "crops/synthetic/train-00000-of-00001.parquet").write_bytes(b"faces")
    return json.loads(project.run("python", "-c", SCENARIO).stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("first", (True, ALIAS, ["1"])),
        ("child", (False, ALIAS, ["1"])),  # version 2 is champion, and would only be trained again
        ("renamed", (True, FIRST, ["1"])),  # the same model under another name: noted
        ("child again", (True, ALIAS, ["1"])),
        ("second", (True, SECOND, ["2"])),  # a version is what is meant, child or not
        ("first again", (True, FIRST, ["1"])),
        ("new faces", (True, ALIAS, ["2"])),
        ("folder", (True, "models/1", ["1"])),
        ("folder gone", (False, "models/1", [])),  # as DVC leaves a training's own output; what is laid down stays
    ],
)
def test_the_start_that_is_laid_down(outcomes, step, expected):
    new, _, asked, weights = outcomes[step]
    assert expected == (new, asked, weights)


def test_it_is_said_which_one_is_taken_and_why_one_stays(outcomes):
    assert outcomes["first"][1].startswith("heatmark-tiny version 1 (training any, weights ")
    assert outcomes["first"][1].endswith(") is laid down in data/starts/tiny")
    assert "is laid down already: heatmark-tiny version 2 is its child, and nothing else is new" in outcomes["child"][1]
    assert outcomes["renamed"][1].endswith(") is laid down already")


def test_a_damaged_start_is_refused_and_not_replaced_by_the_child(outcomes):
    new, said, asked, weights = outcomes["damaged"]
    assert (None, ALIAS, []) == (new, asked, weights)
    assert (
        "model.safetensors is not the file that was laid down; `dvc checkout --force data/starts/tiny` brings it back"
        in said
    )


def test_a_model_that_is_not_there_is_refused_with_the_way_out_and_the_start_stays(outcomes):
    new, said, asked, weights = outcomes["missing"]
    assert (None, ALIAS, ["2"]) == (new, asked, weights)
    assert said.startswith(
        "train.start_from models:/heatmark-tiny@previous: heatmark-tiny has no alias 'previous'; it has: @champion, "
        "version 1, version 2. Train that model first "
    )
