"""From a registered model to landmarks on pictures: `heatmark predict` and `heatmark.load`, in a copy with its own MLflow."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

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
    model, source = tracking.log_model(run, folder)
empty = tracking.Run(client, "fedcba9876543210", "empty")
registry = tracking.Registry(client, "heatmark-tiny")
registry.point("champion", registry.add(source, run, {"data_version": "abc", "machine": "m"}, model))
print(run.id, empty.id)
"""
MODELS = ("model", "tiny.onnx")
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
    words = ("faces", "--whole", "--model", "models:/heatmark-tiny@champion", "--out", "out")
    done = registered.run("python", "-m", "heatmark", "predict", *words)
    assert "predict: 2 faces on 2 pictures, " in done.stdout
    assert ["faces/one.png", "faces/two.jpg", "landmarks.csv", "summary.json"] == sorted(
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


def test_what_the_registry_exports_is_used_as_the_model_itself(registered):
    registered.run("python", "-m", "heatmark", "export", "models:/heatmark-tiny@champion", "tiny.onnx")
    registered.run(
        "python", "-m", "heatmark", "predict", "faces", "--whole", "--model", "tiny.onnx", "--out", "by-onnx"
    )
    expected, found = (load(registered.root / where).find(registered.root / "faces/one.png") for where in MODELS)
    np.testing.assert_allclose(expected.landmarks, found.landmarks, atol=0.05)
    table = (registered.root / "by-onnx/landmarks.csv").read_text(encoding="utf-8").splitlines()
    assert ["faces/one.png", "faces/two.jpg"] == [line.split(",")[0] for line in table[1:]]
    assert {"model": "heatmark-tiny version 1", "data_version": "abc"} == load(
        registered.root / "tiny.onnx"
    ).network.facts


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
        "python",
        "-m",
        "heatmark",
        "predict",
        "faces",
        "--whole",
        "--model",
        "models:/x/1",
        "--out",
        "none",
        check=False,
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


@pytest.fixture(scope="module")
def moved(registered):
    """The copy under another name, which is taken back when the tests are over."""
    there = registered.root.with_name(f"{registered.root.name} renamed")  # a blank is written otherwise in a URI
    registered.root.rename(there)
    yield type(registered)(there)
    there.rename(registered.root)


def test_a_moved_checkout_says_so_at_once_and_changes_nothing(moved, registered):
    before = (moved.root / "runs/mlflow.db").read_bytes()
    sentence = (
        f"this checkout was moved or copied: its registry still keeps artifacts in {registered.root}; "
        "`heatmark doctor --mend-paths` notes where they lie now\n"
    )
    assert sentence == moved.run("python", "-c", REFUSED, "models:/heatmark-tiny@champion").stdout
    pages = moved.run("python", "-m", "heatmark", "pages", check=False)
    assert (1, f"heatmark: {sentence}") == (pages.returncode, pages.stderr)
    seen = moved.run("python", "-m", "heatmark", "doctor", check=False, COLUMNS="80")
    assert 1 == seen.returncode
    assert "wrong    paths" in seen.stdout
    assert before == (moved.root / "runs/mlflow.db").read_bytes()
    assert not registered.root.exists()


def test_a_store_that_another_process_uses_is_not_mended(moved):
    holds = "import sqlite3, sys; store = sqlite3.connect('runs/mlflow.db'); store.execute('SELECT * FROM runs'); print(); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", holds], cwd=moved.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout
    other.stdout.readline()
    done = moved.run("python", "-m", "heatmark", "doctor", "--mend-paths", check=False)
    other.communicate("")
    assert 1 == done.returncode
    assert done.stderr.startswith(f"heatmark: runs/mlflow.db is in use by process {other.pid}: end it first")


def test_what_lies_in_the_former_folder_alone_is_brought_first(moved, registered):
    (model,) = (moved.root / "runs/mlartifacts/models").iterdir()
    former = registered.root / model.relative_to(moved.root)
    former.parent.mkdir(parents=True)
    model.rename(former)
    done = moved.run("python", "-m", "heatmark", "doctor", "--mend-paths", check=False)
    assert 1 == done.returncode
    assert f"have their files in {registered.root} alone, as {former}" in done.stderr
    moved.run("sh", "-c", done.stderr.split("`")[1])
    assert model.is_dir()
    shutil.rmtree(registered.root)


def test_mended_a_moved_checkout_has_its_models_again(moved, registered):
    before = (moved.root / "runs/mlflow.db").read_bytes()
    done = moved.run("python", "-m", "heatmark", "doctor", "--mend-paths")
    (copy,) = (moved.root / "runs").glob("mlflow.db.*")
    assert f"doctor: mended: 6 places of {registered.root} are in {moved.root} now" in done.stdout
    assert done.stdout.endswith(f"as it was: runs/{copy.name}\n")
    expected = load(moved.root / "model").find(moved.root / "faces/one.png").landmarks
    moved.run("python", "-c", LOAD, "models:/heatmark-tiny@champion", f"runs:/{registered.run_id}")
    np.testing.assert_allclose([expected] * 2, np.load(moved.root / "found.npy"), atol=1e-3)
    # No column keeps the former folder, those of later tables of MLflow's included; the copy has all that was.
    assert set() == columns_with(moved.root / "runs/mlflow.db", registered.root)
    assert 4 == len(columns_with(copy, registered.root))
    assert len(before) == copy.stat().st_size
    again = moved.run("python", "-m", "heatmark", "doctor", "--mend-paths")
    assert "doctor: nothing to mend: all artifacts are noted in this checkout\n" == again.stdout
    assert [copy] == list((moved.root / "runs").glob("mlflow.db.*"))


def columns_with(database: Path, folder: Path) -> set[tuple[str, str]]:
    """Tables and columns in which a folder of an earlier name is written, as a path or URI."""
    with contextlib.closing(sqlite3.connect(database)) as store:
        names = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        found = [(table, column) for table, column in store.execute(names)]
        words = 'SELECT count(*) FROM "{}" WHERE instr(CAST("{}" AS TEXT), ?) AND NOT instr(CAST("{}" AS TEXT), \'renamed\')'
        return {
            (table, column)
            for table, column in found
            if store.execute(words.format(table, column, column), (str(folder),)).fetchone()[0]
        }
