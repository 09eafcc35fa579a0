"""Garbage collection in a copy with its own MLflow and DVC: what goes, and that nothing goes that is named anywhere."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

pytestmark = pytest.mark.slow

MODEL = "heatmark-tiny"
# Four trainings, each of its own data: version 1 was promoted, 2 kept out by the gate, 3 never decided, and 4 is no version.
MAKE = """
import pathlib, subprocess, torch
from components.codecs import Subpixel
from components.model import LandmarkModel, ModelConfig
from components.networks import UNet
from components.schemes import SCHEMES
from pipelines.registry import tracking
from pipelines.registry.decisions import recover
from pipelines.registry.history import Entry, History
from pipelines.registry.lineage import data_version
codec = Subpixel(crop=64, stride=4, sigma=1.5, window=5, temperature=10.0)
folder = pathlib.Path("model")
LandmarkModel(ModelConfig(SCHEMES["ibug68"], codec, UNet(width=4), "mse", 1.25, "landmarks")).save(folder)
client = tracking.connect()
registry = tracking.Registry(client, "heatmark-tiny")
history = History(registry)
for number in (1, 2, 3, 4):
    pathlib.Path("data/faces.txt").write_text(f"faces {number}")
    subprocess.run(["dvc", "add", "--quiet", "data"], check=True)
    run = tracking.Run(client, f"{number:016x}", "tiny")
    with run.running():
        run.log_metrics({"test_nme": 0.1})
        run.log_text("numbers", "evaluation/metrics.json")
    model, source = tracking.log_model(run, folder)
    for name in (f"{number:016x}", f"{number:016x}-refit"):
        pathlib.Path("runs", name).mkdir()
        pathlib.Path("runs", name, "state.pt").write_bytes(bytes(1_000_000))
    if number < 4:
        registry.add(source, run, {"data_version": data_version(), "run_id": run.id}, model)
    if number == 1:
        registry.point("champion", "1")
    if number < 3:
        action = {1: "promote", 2: "keep"}[number]
        run = history._begin(Entry("heatmark-tiny", str(number), action, "a reason", "1" if number == 2 else ""))
        history.end(run, "done")
"""
# All of it happened three days ago.
TIMES = {
    "runs": ("start_time", "end_time"),
    "metrics": ("timestamp",),
    "model_versions": ("creation_time",),
    "logged_models": ("creation_timestamp_ms",),
}


@pytest.fixture(scope="module")
def project(make_project):
    """Besides: data that is committed, data that lies there, and checkpoints of a training that MLflow does not know."""
    project = make_project()
    for folder in ("data", "model", "runs/0000000000000009"):
        (project.root / folder).mkdir(parents=True)
    committed = version(project, "committed")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "data")
    project.run("python", "-c", MAKE)
    with closing(sqlite3.connect(project.root / "runs/mlflow.db")) as store:
        for table, columns in TIMES.items():
            for column in columns:
                store.execute(f"UPDATE {table} SET {column} = {column} - 3 * 86400000")
        store.commit()
    tags = {number: client(project).get_model_version(MODEL, number).tags for number in "123"}
    project.data = {number: tags[number]["data_version"] for number in "123"}
    project.data |= {"4": pointer(project), "committed": committed, "there": version(project, "there")}
    return project


def version(project, text: str) -> str:
    (project.root / "data/faces.txt").write_text(text)
    project.run("dvc", "add", "--quiet", "data")
    return pointer(project)


def pointer(project) -> str:
    return yaml.safe_load((project.root / "data.dvc").read_text())["outs"][0]["md5"]


def client(project) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db")


def gc(project, *words: str, code: int = 0, **environment: str) -> str:
    done = project.run("python", "-m", "heatmark", "gc", *words, check=False, **environment)
    assert code == done.returncode, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def versions(project) -> list[str]:
    return sorted(str(found.version) for found in client(project).search_model_versions(f"name = '{MODEL}'"))


def cached(project) -> list[str]:
    """Which data are in DVC's cache: the folder's listing, and its only file."""
    cache, found = project.root / ".dvc/cache/files/md5", []
    for name, md5 in project.data.items():
        listing = cache / md5[:2] / md5[2:]
        if listing.is_file():
            (md5_of_file,) = re.findall(r'"md5": "(\w+)"', listing.read_text())
            assert (cache / md5_of_file[:2] / md5_of_file[2:]).is_file()
            found.append(name)
    return found


def checkpoints(project) -> list[str]:
    return sorted(path.name for path in (project.root / "runs").glob("0*") if path.is_dir())


def with_files(project) -> list[str]:
    """Keys of the trainings whose models and evaluations are in MLflow's artifacts."""
    found, store = [], client(project)
    for run in store.search_runs([store.get_experiment_by_name("heatmark").experiment_id]):
        places = [run.info.artifact_uri]
        places += [
            store.get_logged_model(one.model_id).artifact_location
            for one in run.outputs.model_outputs
            if there(store, one)
        ]
        files = [path for place in places for path in Path(place.removeprefix("file://")).rglob("*") if path.is_file()]
        if files:
            assert {"metrics.json", "model.safetensors"} <= {path.name for path in files}
            found.append(run.data.tags["heatmark.key"][-1])
    return sorted(found)


def there(store: MlflowClient, output) -> bool:
    return bool(store.search_logged_models(["1"], filter_string=f"model_id = '{output.model_id}'"))


def everything(project) -> dict[Path, bytes]:
    """All files but the database's and DVC's notes, which reading may touch."""
    tops = [project.root / top for top in ("runs", "data", ".dvc/cache")]
    paths = [path for top in tops for path in top.rglob("*") if path.is_file() and "mlflow" not in path.name]
    return {path: path.read_bytes() for path in paths}


def test_the_first_time_it_tells_what_may_go_and_changes_nothing(project):
    before = everything(project)
    said = gc(project).splitlines()
    assert "gc: 2 versions of sqlite:///" in said[0]
    assert f"gc: versions: 0.0 MB: {MODEL} 3" == said[1]
    assert re.fullmatch(r"gc: artifacts of runs: \d\.\d MB: tiny-000000, tiny-000000", said[2])
    assert "gc: checkpoints: 8.0 MB: 0000000000000001, 0000000000000001-refit" in said[3]
    assert said[3].endswith("and 5 more")
    assert "gc: DVC's cache: 0.0 MB: 4 files" == said[4]
    assert re.fullmatch(r"gc: \d+\.\d MB may go; `heatmark gc --yes` deletes them", said[5])
    assert ["1", "2", "3"] == versions(project)
    assert everything(project) == before


def test_while_a_retraining_runs_it_refuses(project):
    with (project.root / ".state/retrain.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "heatmark: a retraining or an experiment is running in this folder" in gc(project, "--yes", code=1)
    assert ["1", "2", "3"] == versions(project)


def test_by_a_registry_without_versions_it_deletes_nothing(project, tmp_path):
    said = gc(project, "--yes", code=1, MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/other.db")
    assert "has no version that would be kept, and what none is made of would go" in said
    assert [*project.data] == cached(project)


def test_what_was_touched_within_the_last_day_stays(project):
    with closing(sqlite3.connect(project.root / "runs/mlflow.db")) as store:
        tell = "UPDATE metrics SET timestamp = timestamp + ? WHERE run_uuid = (SELECT run_uuid FROM tags WHERE key = 'heatmark.key' AND value = ?)"
        for days in (3, -3):
            store.execute(tell, (days * 86400000, f"{4:016x}"))
            store.commit()
            if days > 0:
                said = gc(project)
    assert re.search(r"gc: artifacts of runs: \d\.\d MB: tiny-000000\n", said)


def test_logs_of_other_checkouts_rays_are_not_offered_though_all_are_in_the_systems_folder(project, tmp_path):
    code = (
        "from pipelines.runtime.environment import *; print(short_ray_folder(), short_ray_folder(Path('/elsewhere')))"
    )
    own, other = map(Path, project.run("python", "-c", code, TMPDIR=str(tmp_path)).stdout.split())
    for name, folder in (("session_own", own), ("session_other", other)):
        (folder / name).mkdir(parents=True)
        os.utime(folder / name, times=(time.time() - 2 * 86400,) * 2)
    assert "gc: logs of Ray: 0.0 MB: session_own\n" in gc(project, TMPDIR=str(tmp_path))
    assert "logs of Ray" not in gc(project, TMPDIR=str(own))


def test_told_to_it_deletes_that_and_keeps_what_the_history_names(project):
    said = gc(project, "--yes")
    assert said.endswith("MB are deleted\n")
    assert ["1", "2"] == versions(project)
    assert ["1", "2"] == with_files(project)
    assert ["0000000000000009"] == checkpoints(project)
    assert ["1", "2", "committed", "there"] == cached(project)
    assert "there" == (project.root / "data/faces.txt").read_text()
    assert "gc: nothing may go" == gc(project).splitlines()[-1]


def test_params_and_metrics_of_what_went_stay(project):
    store = client(project)
    runs = store.search_runs([store.get_experiment_by_name("heatmark").experiment_id])
    assert [0.1] * 4 == [run.data.metrics["test_nme"] for run in runs]


def test_asked_for_it_deletes_what_the_gate_alone_decided_against_and_its_reason_stays(project):
    gc(project, "--yes", "--refused")
    assert ["1"] == versions(project)
    assert ["1"] == with_files(project)
    assert ["1", "committed", "there"] == cached(project)
    assert "keep 2" in project.run("python", "-m", "heatmark", "history", "--model", MODEL).stdout


def test_the_champion_is_loaded_after_it(project):
    project.run("python", "-c", f"import heatmark; heatmark.load('models:/{MODEL}@champion')")
