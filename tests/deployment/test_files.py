"""What deploy/ says, against the code and itself; nothing is started."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer
import yaml
from sqlalchemy import make_url

from heatmark.cli import app
from tests.deployment.conftest import ROOT, commands, settings

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
RAYJOB = yaml.safe_load((DEPLOY / "rayjob.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
LOCK = dict(
    re.findall(r"(?m)^([\w.-]+)(?:\[\w+\])?==([\w.]+)$", (ROOT / "requirements.lock").read_text(encoding="utf-8"))
)
HEATMARK = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def nodes() -> list[dict]:
    """The Ray pods' specs."""
    cluster = RAYJOB["spec"]["rayClusterSpec"]
    return [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


def words(service: str) -> str:
    return " ".join(SERVICES[service]["command"])


def test_every_part_is_a_service():
    expected = ["postgres", "s3", "bucket", "mlflow", "prefect", "ray-head", "ray-worker", "worker"]
    assert expected == list(SERVICES)


def test_every_image_is_of_one_version():
    images = {service["image"] for service in SERVICES.values()} | {pod["containers"][0]["image"] for pod in nodes()}
    (base,) = re.findall(r"(?m)^FROM (\S+)", (DEPLOY / "Dockerfile").read_text())
    assert [] == [image for image in [*images, base] if not re.fullmatch(r"[\w/.-]+:v?\d+(\.\d+)+(-[\w-]+)?", image)]
    assert [] == [image for image in images if image.startswith("heatmark:") and image != "heatmark:0.1.0"]


def test_ports_are_published_on_loopback_only():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 5
    assert [] == [port for port in ports if not str(port).startswith("127.0.0.1:")]


def test_versions_are_those_of_the_lock_and_of_the_makefile():
    assert LOCK["ray"] == RAYJOB["spec"]["rayClusterSpec"]["rayVersion"]
    uv = [
        re.search(r"uv(?: :=|==) ?([\d.]+)", (ROOT / name).read_text(), re.I)[1]
        for name in ("Makefile", "deploy/Dockerfile")
    ]
    assert uv[0] == uv[1]


def test_what_they_start_are_commands_of_ours():
    said = [words("worker"), RAYJOB["spec"]["entrypoint"]]
    assert ["schedule", "retrain"] == [re.search(r"python -m heatmark (\w+)", each)[1] for each in said]
    assert {"schedule", "retrain"} <= set(HEATMARK)
    (recipe,) = re.findall(r"--recipe (\S+)'", RAYJOB["spec"]["entrypoint"])
    assert (ROOT / recipe).is_file()
    assert (ROOT / SERVICES["bucket"]["command"][1]).is_file()


@pytest.mark.parametrize("name", ["mlflow", "prefect"])
def test_a_server_is_started_by_the_words_of_the_page(name):
    (typed,) = [line for line in commands("Start the servers") if line.startswith(name)]
    assert words(name).replace("0.0.0.0", "127.0.0.1").startswith(typed)


def test_services_are_told_the_addresses_of_each_other_and_all_else_by_the_example():
    example = settings()
    for name in ("bucket", "mlflow", "prefect", "ray-head", "ray-worker", "worker"):
        service = SERVICES[name]
        assert ".env" == service["env_file"]
        told = service["environment"]
        for variable in ("PGHOST", "AWS_ENDPOINT_URL", "MLFLOW_TRACKING_URI", "PREFECT_API_URL", "RAY_ADDRESS"):
            assert variable in example
            host = re.fullmatch(r"(?:http://)?([\w-]+)(?::\d+)?(?:/api)?", told[variable])[1]
            assert host in SERVICES
    # Behind "$$" is the container's own, behind "$" the example's.
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert asked <= set(example)


def test_the_example_has_no_secret_and_its_databases_are_those_that_are_made_and_backed_up():
    text = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    empty = re.findall(r"(?m)^(\w+)=$", text)
    assert ["PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "RAY_AUTH_TOKEN"] == empty
    assert {"AWS_ACCESS_KEY_ID"} == set(re.findall(r"(?m)^(\w*(?:PASSWORD|SECRET|KEY|TOKEN)\w*)=.", text))
    fields = settings()
    named = {make_url(fields[name]).database for name in fields if name.endswith(("STORE_URI", "CONNECTION_URL"))}
    assert {"mlflow", "prefect"} == named
    assert named == {line.split()[1] for line in commands("Make databases and bucket") if line.startswith("createdb ")}
    for script in ("backup.sh", "restore.sh"):
        assert "for database in mlflow prefect; do" in (DEPLOY / script).read_text()
    assert fields["MLFLOW_ARTIFACTS_DESTINATION"].startswith(f"s3://{fields['HEATMARK_BUCKET']}/")


def test_git_takes_no_settings_that_were_filled_in():
    done = subprocess.run(["git", "check-ignore", "--quiet", "deploy/.env"], cwd=ROOT, check=False)
    assert 0 == done.returncode


def test_every_ray_pod_has_the_checkout_where_the_job_expects_it():
    for pod in nodes():
        mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        assert {"/heatmark", "/dev/shm"} == set(mounts)
        assert {*mounts.values()} == {volume["name"] for volume in pod["volumes"]}
    assert "cd /heatmark &&" in RAYJOB["spec"]["entrypoint"]


@pytest.mark.parametrize("script", sorted(DEPLOY.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_bash_and_say_how_they_are_called(script: Path):
    subprocess.run(["bash", "-n", script], check=True)
    done = subprocess.run([script], capture_output=True, text=True, check=False)
    assert done.returncode
    assert f"usage: deploy/{script.name} FOLDER" in done.stderr
