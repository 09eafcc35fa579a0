"""The whole path on a few drawn faces, as a user runs it: real Ray, DVC, MLflow and Prefect, in a copy of the project."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import sysconfig
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from mlflow import MlflowClient

from components import images
from components.model import LandmarkModel

RETRAIN = ("python", "-m", "flows.retrain")
AGAINST = "against_champion.html"
TINY = Path(__file__).parents[1] / "tiny.yaml"
MODEL = "heatmark-tiny"
# What a user's environment may hold, each to be found again by its name; Ray takes this one for its token, which is longer.
PLANTED = {
    name: f"planted-{name}-0123456789abcdef"
    for name in ("RAY_AUTH_TOKEN", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "MLFLOW_TRACKING_PASSWORD")
}
PLANTED_REMOTE = "planted-git-remote"


@pytest.fixture(scope="module")
def project(make_project, ray_place):
    """A copy with 64 drawn faces, in which the flow has run once, by two Ray Train workers."""
    project = make_project()
    shutil.copy(TINY, project.root / "recipes" / "tiny.yaml")
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "64", "--size", "192")
    project.run("git", "remote", "add", "origin", f"https://me:{PLANTED_REMOTE}@127.0.0.1:9/heatmark.git")
    project.first = project.run(*RETRAIN, "--recipe", "recipes/tiny.yaml", TMPDIR=str(ray_place), **PLANTED).stdout
    return project


def client(project) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db")


def aliases(project) -> dict[str, str]:
    return {name: str(version) for name, version in client(project).get_registered_model(MODEL).aliases.items()}


def metrics(project) -> dict:
    return json.loads((project.root / "reports/tiny/metrics.json").read_text())


def lock(project) -> dict:
    return yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]


def test_the_first_model_becomes_champion(project):
    assert aliases(project) == {"champion": "1"}


def test_no_password_is_in_any_file_that_it_left(project, ray_place):
    """Logs of Ray and Prefect, MLflow's and Prefect's databases, params, runs, versions, reports: every file, but git's own of the remote."""
    assert PLANTED_REMOTE in (project.root / ".git/config").read_text()
    # Ray's logs are in the latter, where the copy's path is too long for its sockets.
    files = [path for folder in (project.root, ray_place) for path in folder.rglob("*") if path.is_file()]
    files.remove(project.root / ".git/config")
    assert {"raylet.out", "prefect.db", "mlflow.db", "report.html", "params.yaml"} <= {path.name for path in files}
    assert "planted-" not in project.first
    assert [] == [str(path) for path in files if b"planted-" in path.read_bytes()]


def test_it_ends_with_a_table_and_three_commands_within_80_columns(project):
    table = project.first[project.first.index(MODEL + " ") :]
    names = ("NME", "FR@10%", "AUC@10%", "faces/s", "data version", "run", "model", "decision", "report")
    for name in (*names, "against champion"):
        assert re.search(rf"│ {re.escape(name)} +│", table), name
    assert table.count("  make ") == 3
    assert max(len(line) for line in table.splitlines()) <= 80


def test_of_the_first_version_the_page_says_that_there_was_none_to_hold_it_against(project):
    assert f"promote: no champion to hold it against: reports/tiny/{AGAINST}" in project.first
    assert "There is no champion before it to compare with." in (project.root / "reports/tiny" / AGAINST).read_text()


def test_every_face_is_in_exactly_one_place(project):
    made = project.root / "artifacts/tiny"
    annotations = pq.read_table(made / "annotations/synthetic/annotations.parquet").column("face").to_pylist()
    rejected = pq.read_table(made / "annotations/synthetic/rejected.parquet").column("face").to_pylist()
    crops = [
        face
        for path in sorted((made / "crops/synthetic").glob("*.parquet"))
        for face in pq.read_table(path).column("face").to_pylist()
    ]
    assert sorted(annotations + rejected) == [f"{i:06d}" for i in range(64)]
    assert sorted(crops) == sorted(annotations)


def test_the_report_and_the_card_are_pages_on_their_own(project):
    for name in ("reports/tiny/report.html", "artifacts/tiny/annotations/synthetic/card.html"):
        page = (project.root / name).read_text()
        assert "<html" in page
        assert re.findall(r'(?:src|href)="https?:', page) == []


def test_the_run_keeps_what_it_was_made_of(project):
    runs = client(project).search_runs([client(project).get_experiment_by_name("heatmark").experiment_id])
    assert len(runs) == 1
    run = runs[0]
    assert run.info.status == "FINISHED"
    assert run.data.params["train.lr"] == "0.01"
    assert run.data.metrics["test_nme"] == pytest.approx(metrics(project)["nme"])
    assert run.data.metrics["faces_per_s"] > 0
    # How busy the machine was, under the names of MLflow's own pages.
    assert 0 < run.data.metrics["system/cpu_utilization_percentage"] <= 100
    assert run.data.metrics["system/system_memory_usage_megabytes"] > 0
    kept = {file.path for file in client(project).list_artifacts(run.info.run_id, "provenance")}
    assert {f"provenance/{name}" for name in ("dvc.lock", "data.dvc", "params.yaml", "requirements.lock")} <= kept
    assert "provenance/train.json" in kept
    (card,) = client(project).list_artifacts(run.info.run_id, "provenance/synthetic")
    assert "provenance/synthetic/card.html" == card.path
    measured = {file.path for file in client(project).list_artifacts(run.info.run_id, "evaluation")}
    assert {"evaluation/report.html", "evaluation/errors.parquet", "evaluation/metrics.json"} <= measured
    assert f"evaluation/{AGAINST}" in measured


def test_the_version_leads_back_to_data_code_lock_and_protocol(project):
    tags = client(project).get_model_version(MODEL, "1").tags
    committed = project.run("git", "rev-parse", "HEAD").stdout.strip()
    assert tags["data_version"] == yaml.safe_load((project.root / "data.dvc").read_text())["outs"][0]["md5"]
    assert tags["git_commit"].startswith(committed)
    assert tags["protocol"] == f"inter_ocular:{metrics(project)['protocol']['hash']}"
    read = next(dep for dep in lock(project)["ingest@synthetic"]["deps"] if dep["path"] == "data/synthetic")
    assert f"{read['md5']}, 1 of each batch, held out" == tags["data.synthetic"]
    assert (tags["decision"], tags["reason"]) == ("promote", "the first version")
    assert re.fullmatch(r"10 faces within 0\.00\d\d px of the evaluation, \d+ ms a face", tags["checked"])
    assert {"heatmark.key", "run_id", "lock", "dvc_lock", "test_nme"} <= set(tags)


def test_the_logged_model_predicts_as_the_saved_one_without_the_project(project, tmp_path):
    row = pq.read_table(project.root / "artifacts/tiny/crops/synthetic").slice(0, 1).to_pylist()[0]
    picture = images.read(project.root / "data/synthetic", row["image"])
    np.savez(tmp_path / "face.npz", images=picture[None], boxes=np.float32(row["box"])[None])
    # -I -S: neither this folder, nor PYTHONPATH, nor a .pth file of an installed checkout; only what is installed.
    script = (
        f"import sys; sys.path += {[sysconfig.get_path(name) for name in ('purelib', 'platlib')]!r};"
        "import importlib.util; assert importlib.util.find_spec('components') is None;"
        "import mlflow, numpy as np; mlflow.set_tracking_uri(sys.argv[1]); face = dict(np.load('face.npz'));"
        f"np.save('predicted.npy', mlflow.pyfunc.load_model('models:/{MODEL}@champion').predict(face));"
        "print(sys.modules['components'].__path__[0])"
    )
    store = f"sqlite:///{project.root}/runs/mlflow.db"
    outside = type(project)(tmp_path)
    said = outside.run("python", "-I", "-S", "-c", script, store, PYTHONPATH="", MLFLOW_DISABLE_TELEMETRY="true").stdout
    saved = LandmarkModel.load(project.root / "artifacts/tiny/model")
    expected = saved.predict(picture[None], np.float32(row["box"])[None])
    assert np.array_equal(expected, np.load(tmp_path / "predicted.npy"))
    logged = Path(said.splitlines()[-1])
    assert logged.is_relative_to(project.root / "runs/mlartifacts")
    assert (logged / "codecs/hih.py").is_file()
    assert not {"augment.py", "datasets", "drawing.py", "synthetic"} & {path.name for path in logged.iterdir()}
    files = [path.suffix for path in Path(project.root / "runs/mlartifacts").rglob("*") if path.is_file()]
    assert not {".pkl", ".pt", ".pickle"} & set(files)


def test_again_with_nothing_changed_everything_is_up_to_date(project):
    before = lock(project)
    again = project.run(*RETRAIN, "--recipe", "recipes/tiny.yaml").stdout
    assert before == lock(project)
    assert again.count("didn't change, skipping") == 4
    assert f"{MODEL} version 1 is there already" in again
    assert aliases(project) == {"champion": "1"}


def test_where_a_remote_is_configured_data_and_outputs_are_pushed_before_a_version_is_registered(
    project, tmp_path_factory
):
    store = tmp_path_factory.mktemp("remote") / "store"
    project.run("dvc", "remote", "add", "-d", "store", str(store))
    said = project.run(*RETRAIN).stdout
    assert said.index(f"push: data and outputs are in store at {store}\n") < said.index("register: ")
    for md5 in (
        lock(project)["train"]["outs"][0]["md5"],
        yaml.safe_load((project.root / "data.dvc").read_text())["outs"][0]["md5"],
    ):
        assert (store / "files/md5" / md5[:2] / md5[2:]).is_file()


def test_where_the_remote_is_away_nothing_is_registered(project, tmp_path):
    (tmp_path / "file").touch()
    project.run("dvc", "remote", "modify", "--local", "store", "url", str(tmp_path / "file"))
    failed = project.run(*RETRAIN, check=False)
    assert 1 == failed.returncode
    assert (
        f"the model is trained but not registered, since DVC cannot push to its remote store at {tmp_path}/file: "
        in failed.stderr
    )
    assert "register: " not in failed.stdout
    project.run("dvc", "remote", "modify", "--local", "--unset", "store", "url")


def test_prefect_keeps_the_table_of_each_flow_run_and_links_to_its_pages(project):
    with sqlite3.connect(project.root / ".state/prefect/prefect.db") as db:
        rows = db.execute("select data from artifact where key = 'retrain-tiny'").fetchall()
        links = db.execute(
            "select key, data from artifact where type = 'markdown' and key != 'retrain-tiny'"
        ).fetchall()
        states = [state for (state,) in db.execute("select state_type from flow_run order by start_time")]
    assert 3 == len(rows)
    assert all("heatmark-tiny version 1" in data for (data,) in rows)
    assert {"report-tiny", "against-champion-tiny"} == {key for key, _ in links}
    for key, data in links:
        (page,) = re.findall(r"\]\(file://([^)]+)\)", json.loads(data))
        assert {"report-tiny": "report.html", "against-champion-tiny": AGAINST}[key] == Path(page).name
        assert Path(page).is_file()
    assert ["COMPLETED", "COMPLETED", "COMPLETED", "FAILED"] == states


def test_prefect_knows_which_task_waited_for_which(project):
    with sqlite3.connect(project.root / ".state/prefect/prefect.db") as db:
        first = "select id from flow_run order by start_time limit 1"
        runs = db.execute(f"select id, name, task_inputs from task_run where flow_run_id = ({first})").fetchall()
    names = {re.sub("-", "", run): name for run, name, _ in runs}

    def inputs(name: str, of: str) -> list[str]:
        (said,) = (json.loads(text) for _, each, text in runs if each == name)
        return [names[one["id"].replace("-", "")] for one in said[of]]

    stages = ["code", "ingest@synthetic", "preprocess@synthetic", "train", "evaluate"]
    chain = ["recipe", "version data", *stages, "push", "register"]
    assert [[name] for name in chain[:-1]] == [inputs(name, "wait_for") for name in chain[1:]]
    assert ["register"] == inputs("promote", "registered")
    assert ["promote"] == inputs("summarise", "decision")


def test_a_worse_model_is_kept_out_and_a_better_one_is_promoted(project):
    one_process = ("num_workers: 2", "num_workers: 0")
    project.edit("params.yaml", one_process, ("lr: 0.01", "lr: 0.0000001"))
    worse = project.run(*RETRAIN).stdout
    assert "promote: keep: worse" in worse
    assert aliases(project) == {"champion": "1"}
    assert client(project).get_model_version(MODEL, "2").tags["decision"] == "keep"
    assert f"promote: held against version 1: reports/tiny/{AGAINST}" in worse
    page = (project.root / "reports/tiny" / AGAINST).read_text()
    assert "heatmark-tiny: version 2 against version 1" in page
    assert "Keep: worse: NME " in page
    assert page.count("data:image/jpeg;base64,") > 2

    project.edit("params.yaml", ("lr: 0.0000001", "lr: 0.01"), ("epochs: 6", "epochs: 30"))
    better = project.run(*RETRAIN).stdout
    assert "promote: promote: better" in better
    assert aliases(project) == {"champion": "3", "previous": "1"}
    # It is the champion itself by then.
    page = (project.root / "reports/tiny" / AGAINST).read_text()
    assert "heatmark-tiny: version 3 against version 1" in page
    assert "Promote: better: NME " in page


def heatmark(project, *words: str, code: int = 0) -> str:
    """What a command says, within 80 columns."""
    done = project.run("python", "-m", "heatmark", *words, check=False)
    assert code == done.returncode, done.stdout + done.stderr
    said = done.stderr if code else done.stdout
    assert code or max(map(len, said.splitlines())) <= 80
    return said


def test_versions_history_and_comparison_are_tables(project):
    versions = heatmark(project, "versions")
    assert ["3", "2", "1"] == re.findall(r"^│ (\d) +│", versions, re.MULTILINE)
    assert "@champion" in versions
    assert "@previous" in versions
    assert ["promote 3", "keep 2", "promote 1"] == re.findall(r"│ ((?:promote|keep) \d) ", heatmark(project, "history"))
    shown = heatmark(project, "show", "2")
    assert "keep 2" in shown
    assert "promote 3" not in shown
    compared = heatmark(project, "compare", "3", "1")
    assert re.search(r"│ all +│ +14 +│ \d+\.\d\d% +│ \d+\.\d\d% +│ -\d+\.\d\d% \(-", compared), compared
    assert "heatmark: heatmark-tiny has no version 7" in heatmark(project, "compare", "3", "7", code=1)
    assert "heatmark: no model 'x' is registered" in heatmark(project, "versions", "--model", "x", code=1)


def test_what_was_rolled_back_by_hand_stays_so_until_it_is_asked_for_by_name(project):
    said = heatmark(project, "rollback", "--because", "blurred in the field")
    assert said.endswith(f"{MODEL}: version 1 is champion again, and 3 is rolled back\n")
    assert aliases(project) == {"champion": "1"}
    again = project.run(*RETRAIN).stdout
    assert "promote: keep: it was rolled back by " in again
    assert aliases(project) == {"champion": "1"}
    heatmark(project, "promote", "3", "--because", "it was the camera")
    assert aliases(project) == {"champion": "3", "previous": "1"}
    history = heatmark(project, "history")
    assert ["promote 3", "roll back 3", "promote 3", "keep 2"] == re.findall(
        r"│ ((?:promote|keep|roll back) \d) ", history
    )[:4]
    assert "it was the camera" in history


def model_folder(project, version: str) -> Path:
    """Where MLflow keeps a version's saved model."""
    logged = client(project).get_model_version(MODEL, version).source.removeprefix("models:/")
    (weights,) = (project.root / "runs/mlartifacts").glob(f"**/{logged}/**/model.safetensors")
    return weights.parent


def test_a_version_whose_files_were_exchanged_is_not_promoted(project, tmp_path):
    """Another model in its place loads without complaint; its answers give it away."""
    two, three = (model_folder(project, version) for version in ("2", "3"))
    shutil.copytree(two, tmp_path / "two")
    shutil.copytree(three, two, dirs_exist_ok=True)
    said = heatmark(project, "promote", "2", "--because", "no reason", code=1)
    shutil.copytree(tmp_path / "two", two, dirs_exist_ok=True)
    assert re.search(r"heatmark-tiny version 2 does not stand its check: its answers are .* px from those", said), said
    assert aliases(project) == {"champion": "3", "previous": "1"}
    assert "no reason" not in heatmark(project, "history")


def test_dvc_compares_experiments_and_draws_plots(project):
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "the champion")
    project.run("dvc", "exp", "run", "-n", "slower", "-S", "train.lr=0.005", "-S", "train.epochs=2")
    shown = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    names = {exp["revs"][0]["name"] for rev in shown for exp in rev.get("experiments") or []}
    assert names == {"slower"}
    changed = json.loads(project.run("dvc", "metrics", "diff", "--json").stdout)
    assert changed["reports/tiny/metrics.json"]["nme"]["diff"] != 0
    page = project.run("dvc", "plots", "show", "--out", "plots").stdout.strip()
    assert "reports_tiny_ced_csv" in Path(page.removeprefix("file://")).read_text()
    project.run("git", "checkout", "-q", ".")
    project.run("dvc", "checkout", "-q")


def test_an_experiment_with_another_codec_trains_and_evaluates_by_that_ones_code(project):
    words = ("-S", "codec.name=rounded", "-S", "~codec.window", "-S", "~codec.decoder", "-S", "train.epochs=1")
    said = project.run("dvc", "exp", "run", "-n", "rounded", *words).stdout
    skipped = set(re.findall(r"^Stage '([\w@]+)' didn't change, skipping", said, re.MULTILINE))
    assert {"ingest@synthetic", "preprocess@synthetic"} == skipped
    files = json.loads((project.root / "artifacts/tiny/code/train.json").read_text())["files"]
    assert "components/codecs/rounded.py" in files
    assert "components/codecs/subpixel.py" not in files
    project.run("git", "checkout", "-q", ".")
    project.run("dvc", "checkout", "-q")


def test_a_second_clone_has_the_model_and_arrives_at_the_same_metrics(project, tmp_path):
    """One that makes everything itself does so too: see test_start_from."""
    expected = metrics(project)
    project.run("dvc", "push", "-q")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "dvc.lock, data.dvc, params.yaml and the remote")

    clone = type(project)(tmp_path / "c")
    project.run("git", "clone", "-q", str(project.root), str(clone.root))
    (clone.root / "reports/tiny/metrics.json").unlink()
    clone.run("dvc", "pull", "-q", "--allow-missing")
    assert (clone.root / "artifacts/tiny/model/model.safetensors").is_file()
    clone.run("dvc", "repro", "-q", "evaluate", "--single-item")
    assert expected == metrics(clone)
    assert not list((clone.root / "runs").glob("????????????????"))
