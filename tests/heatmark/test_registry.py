"""From a registered model to landmarks on pictures: `heatmark predict` and `heatmark.load`, in a copy with its own MLflow."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from components.synthetic import draw_face
from pipelines.serving.model import load

# A model that was never trained, in the folder `model` and registered as a version, whose alias is champion.
REGISTER = """
import pathlib, torch
from components.codecs import Subpixel
from components.model import LandmarkModel, ModelConfig
from components.networks import UNet
from components.schemes import SCHEMES
from pipelines.registry import tracking
torch.manual_seed(0)
codec = Subpixel(crop=64, stride=4, sigma=1.5, window=5, temperature=10.0)
folder = pathlib.Path("model")
folder.mkdir()
LandmarkModel(ModelConfig(SCHEMES["ibug68"], codec, UNet(width=4), "mse", 1.25, "landmarks")).save(folder)
client = tracking.connect()
run = tracking.Run(client, "0123456789abcdef", "tiny")
with run.running():
    model, source = tracking.log_model(run, folder, 68)
empty = tracking.Run(client, "fedcba9876543210", "empty")
registry = tracking.Registry(client, "heatmark-tiny")
registry.point("champion", registry.add(source, run, {}, model))
print(run.id, empty.id)
"""
LOAD = """
import sys, heatmark, numpy as np
np.save("found.npy", [heatmark.load(where).find("faces/one.png").landmarks for where in sys.argv[1:]])
"""
REFUSED = """
import sys, heatmark
for where in sys.argv[1:]:
    try:
        heatmark.load(where)
    except ValueError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def registered(project):
    """A copy with the model in its registry, and two drawn faces in faces/."""
    project.run_id, project.empty_id = project.run("python", "-c", REGISTER).stdout.split()[-2:]
    (project.root / "faces").mkdir()
    for name, face in (("one.png", draw_face(0, 0, 128)), ("two.jpg", draw_face(0, 2, 160))):
        cv2.imwrite(str(project.root / "faces" / name), face.image[:, :, ::-1])
    return project


def test_predict_writes_table_and_drawings_by_the_champion(registered):
    words = ("faces", "--model", "models:/heatmark-tiny@champion", "--out", "out")
    done = registered.run("python", "-m", "heatmark", "predict", *words)
    assert "predict: 2 faces on 2 pictures, " in done.stdout
    assert ["faces/one.png", "faces/two.jpg", "landmarks.csv"] == sorted(
        path.relative_to(registered.root / "out").as_posix()
        for path in (registered.root / "out").rglob("*") if path.is_file()
    )  # fmt: skip
    again = registered.run("python", "-m", "heatmark", "predict", *words, check=False)
    assert (1, "heatmark: --out out is there already: name another folder, or replace it by --overwrite\n") == (
        again.returncode, again.stderr
    )  # fmt: skip


def test_a_model_is_the_same_from_its_alias_version_run_and_folder(registered):
    expected = load(registered.root / "model").find(registered.root / "faces/one.png").landmarks
    places = ("models:/heatmark-tiny@champion", "models:/heatmark-tiny/1", f"runs:/{registered.run_id}", "model")
    registered.run("python", "-c", LOAD, *places)
    np.testing.assert_allclose([expected] * 4, np.load(registered.root / "found.npy"), atol=1e-3)


def test_a_model_that_is_not_there_is_one_sentence_with_those_that_are(registered):
    tiny, has = "heatmark-tiny", "it has: @champion, version 1"
    asked = {
        "models:/heatmark-demo@champion": "no model 'heatmark-demo' is registered; there are: heatmark-tiny",
        f"models:/{tiny}@challenger": f"{tiny} has no alias 'challenger'; {has}",
        f"models:/{tiny}/7": f"{tiny} has no version 7; {has}",
        f"models:/{tiny}": f"models:/{tiny}: expected models:/NAME@ALIAS, models:/NAME/VERSION or runs:/ID",
        "runs:/nosuch": f"no run 'nosuch'; the latest are: {registered.empty_id}, {registered.run_id}",
        f"runs:/{registered.empty_id}": f"run {registered.empty_id} has logged no model: it is not finished, or was never registered",
        "nosuch": "nosuch holds no model: model.json is missing",
    }  # fmt: skip
    assert [*asked.values()] == registered.run("python", "-c", REFUSED, *asked).stdout.splitlines()


def test_a_wrong_model_ends_the_command_before_anything_is_written(registered):
    done = registered.run(
        "python", "-m", "heatmark", "predict", "faces", "--model", "models:/x/1", "--out", "none", check=False
    )
    assert (1, "heatmark: no model 'x' is registered; there are: heatmark-tiny\n") == (done.returncode, done.stderr)
    assert not (registered.root / "none").exists()


def test_outside_a_checkout_a_registry_must_be_named(registered, tmp_path):
    outside = type(registered)(tmp_path)
    shutil.copytree(registered.root / "faces", tmp_path / "faces")
    code = {"PYTHONPATH": str(registered.root)}
    where = "models:/heatmark-tiny@champion"
    said = outside.run("python", "-c", REFUSED, where, **code).stdout
    assert "there is no registry here: work in a checkout of Heatmark, or set MLFLOW_TRACKING_URI\n" == said
    store = f"sqlite:///{registered.root}/runs/mlflow.db"
    outside.run("python", "-c", LOAD, where, MLFLOW_TRACKING_URI=store, **code)
    assert ["faces", "found.npy"] == sorted(path.name for path in tmp_path.iterdir())
