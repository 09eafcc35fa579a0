"""The whole flow on PostgreSQL, an S3-compatible store and two Ray nodes, then a backup, a restore elsewhere, and a new clone."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

import boto3
import pytest
import yaml

from tests.deployment.conftest import ROOT, Deployment, commands

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(2400)]

TINY = ROOT / "tests/tiny.yaml"
# With two CPUs a node, three training workers and one CPU for their data take both nodes.
RECIPE = TINY.read_text(encoding="utf-8").replace("num_workers: 2", "num_workers: 3").replace("size: 8", "size: 9")


def typed(project, section: str, env: dict[str, str], **replaced: str) -> str:
    """Types what a section of docs/operations.md says, in a shell; names in capitals stand for what is given."""
    lines = commands(section)
    assert lines
    for name, value in replaced.items():
        lines = [line.replace(name, value) for line in lines]
    return project.run("bash", "-euo", "pipefail", "-c", "\n".join(lines), **env).stdout


@pytest.fixture(scope="module")
def deployment(start_deployment) -> Deployment:
    return start_deployment()


@pytest.fixture(scope="module")
def project(make_project, deployment, ray_nodes):
    """A checkout set up by the page, in which the flow has run once on all of it."""
    project = make_project()
    project.deployment = deployment
    shutil.copytree(ROOT / "deploy", project.root / "deploy")
    (project.root / "recipes/tiny.yaml").write_text(RECIPE, encoding="utf-8")
    env = deployment.settings
    typed(project, "Make databases and bucket", env)
    deployment.start_servers()
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "deploy/ and a recipe")
    typed(project, "A DVC remote", env)
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "64", "--size", "128")
    with ray_nodes(num_cpus=2) as cluster:
        project.env = {**env, **cluster}
        words = ("python", "-m", "heatmark", "retrain", "--recipe", "recipes/tiny.yaml")
        project.first = project.run(*words, timeout=1800, **project.env).stdout
        listed = ("ray", "list", "actors", "--format", "json", "--limit", "1000", "--detail")
        project.actors = json.loads(project.run(*listed, **project.env).stdout)
    return project


def objects(deployment: Deployment) -> dict[str, int]:
    """The bucket's objects and their sizes."""
    names = {"endpoint_url": "AWS_ENDPOINT_URL", "aws_access_key_id": "AWS_ACCESS_KEY_ID"}
    names |= {"aws_secret_access_key": "AWS_SECRET_ACCESS_KEY", "region_name": "AWS_DEFAULT_REGION"}
    store = boto3.resource("s3", **{name: deployment.settings[variable] for name, variable in names.items()})
    return {each.key: each.size for each in store.Bucket(deployment.settings["HEATMARK_BUCKET"]).objects.all()}


def asked(deployment: Deployment, database: str, question: str) -> list[str]:
    words = ["psql", "--tuples-only", "--no-align", "--command", question, database]
    return subprocess.run(words, env=deployment.env, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]


def dumped(deployment: Deployment, database: str) -> str:
    words = ["pg_dump", "--inserts", database]
    return subprocess.run(words, env=deployment.env, capture_output=True, text=True, check=True).stdout


def test_the_first_version_is_champion_in_postgresql(project, deployment):
    aliases = asked(deployment, "mlflow", "select name, alias, version from registered_model_aliases")
    assert ["heatmark-tiny|champion|1"] == aliases
    assert not (project.root / "runs/mlflow.db").exists()


def test_prefect_keeps_the_flow_run_in_postgresql(project, deployment):
    assert ["retrain|COMPLETED"] == asked(
        deployment, "prefect", "select flow.name, state_type from flow_run join flow on flow.id = flow_id"
    )
    assert not list((project.root / ".state/prefect").glob("*.db"))


def test_its_model_and_its_evaluation_are_in_the_bucket(project, deployment):
    kept = {Path(key).name for key, size in objects(deployment).items() if key.startswith("mlflow/") and size}
    assert {"model.safetensors", "model.json", "errors.parquet", "report.html", "data.dvc", "train.json"} <= kept
    assert not (project.root / "runs/mlartifacts").exists()


def test_the_training_took_both_ray_nodes(project):
    workers = [actor for actor in project.actors if actor["class_name"] == "RayTrainWorker"]
    assert 3 == len(workers)
    assert 2 == len({actor["node_id"] for actor in workers})


def test_data_and_outputs_are_in_the_remote_before_the_version_is_registered(project, deployment):
    data = yaml.safe_load((project.root / "data.dvc").read_text())["outs"][0]["md5"]
    assert f"dvc/files/md5/{data[:2]}/{data[2:]}" in objects(deployment)
    assert project.first.index("push: ") < project.first.index("register: ")


@pytest.fixture(scope="module")
def elsewhere(project, start_deployment) -> Deployment:
    """New stores and servers, into which a backup was read; the first ones are gone."""
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "data.dvc, dvc.lock, params.yaml and the remote")
    typed(project, "Back up", project.env, **{"/backups": f"{project.root}-backups"})
    project.deployment.stack.close()
    other = start_deployment()
    typed(project, "Make databases and bucket", other.settings)
    (made,) = Path(f"{project.root}-backups").iterdir()
    typed(project, "Restore", other.settings, **{"/backups/2026-11-28": str(made)})
    typed(project, "Upgrade", other.settings)
    other.start_servers()
    return other


@pytest.fixture(scope="module")
def clone(project, elsewhere, tmp_path_factory):
    """A new clone of the checkout, by the restored servers alone, with the data of the restored remote."""
    clone = type(project)(tmp_path_factory.mktemp("c") / "clone")
    project.run("git", "clone", "-q", str(project.root), str(clone.root))
    clone.env = elsewhere.settings
    typed(clone, "A new checkout", clone.env)
    return clone


def test_after_a_restore_a_new_clone_has_its_data(project, clone):
    pictures = [sorted((root / "data/synthetic/images").iterdir()) for root in (project.root, clone.root)]
    assert [path.read_bytes() for path in pictures[0]] == [path.read_bytes() for path in pictures[1]]


def test_after_a_restore_versions_and_decisions_are_known(clone):
    versions = clone.run("python", "-m", "heatmark", "versions", **clone.env).stdout
    assert "@champion" in versions
    assert "promote 1" in clone.run("python", "-m", "heatmark", "history", **clone.env).stdout


def test_after_a_restore_the_champion_predicts(clone):
    words = ("predict", "data/synthetic/images", "--whole", "--model", "models:/heatmark-tiny@champion", "--out", "out")
    assert "64 faces on 64 pictures" in clone.run("python", "-m", "heatmark", *words, **clone.env).stdout


def test_after_a_restore_prefect_knows_the_flow_run(elsewhere):
    assert ["retrain|COMPLETED"] == asked(
        elsewhere, "prefect", "select flow.name, state_type from flow_run join flow on flow.id = flow_id"
    )
    request = urllib.request.Request(
        f"{elsewhere.settings['PREFECT_API_URL']}/flow_runs/count",
        data=b"{}",
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert 1 == json.load(answer)


def test_what_may_go_is_asked_of_the_servers(project, elsewhere):
    said = typed(project, "How disk grows", elsewhere.settings)
    assert "gc: 1 versions of http://127.0.0.1:" in said
    (finished,) = project.root.glob("runs/????????????????")
    assert finished.name in said[said.index("gc: checkpoints: ") :].splitlines()[0]


def test_a_backup_is_read_into_empty_stores_only(project, elsewhere):
    (made,) = Path(f"{project.root}-backups").iterdir()
    done = project.run("deploy/restore.sh", str(made), check=False, **elsewhere.settings)
    assert done.returncode
    assert "bucket: the bucket heatmark has objects already: a backup is loaded into an empty one" in done.stderr


def test_no_password_is_in_anything_that_was_said_or_kept(project, deployment, elsewhere, ray_place):
    """The checkout, the backups with the bucket, logs of the servers and of both Ray nodes, and both databases."""
    names = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "RAY_AUTH_TOKEN")
    secret = {name: project.env[name].encode() for name in names}
    assert 2 == len(list(ray_place.glob("*/node*.log")))
    folders = [project.root, Path(f"{project.root}-backups"), deployment.folder, ray_place]
    kept = {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    for database in ("mlflow", "prefect"):
        kept[database] = dumped(elsewhere, database).encode()
        assert b"tiny" in kept[database]
    kept["what it printed"] = project.first.encode()
    assert [] == [(name, where) for name, value in secret.items() for where, text in kept.items() if value in text]
