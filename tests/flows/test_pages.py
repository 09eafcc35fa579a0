"""A scheduled retraining on new data as people follow it: watched, approved and rolled back in Chromium, on Prefect's and MLflow's pages."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import unused_port
from tests.flows.browser import CHROMIUM, Page, browser
from tests.flows.test_servers import serving

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
]

TINY = Path(__file__).parents[1] / "tiny.yaml"
MODEL = "heatmark-tiny"


@pytest.fixture(scope="module")
def project(make_project):
    """A copy with a champion that has learned nothing, a recipe that learns and asks, and more faces than those."""
    project = make_project()
    text = TINY.read_text().replace("num_workers: 2", "num_workers: 0")
    recipes = project.root / "recipes"
    (recipes / "idle.yaml").write_text(text.replace("lr: 0.01", "lr: 0.0000001").replace("epochs: 6", "epochs: 1"))
    (recipes / "tiny.yaml").write_text(
        text.replace("epochs: 6", "epochs: 30").replace("approval: none", "approval: required")
    )
    for folder, number in (("data/synthetic", "64"), ("more/synthetic", "80")):
        project.run("python", "-m", "pipelines.draw", folder, "--num-faces", number, "--size", "192")
    project.run("python", "-m", "heatmark", "retrain", "--recipe", "recipes/idle.yaml")
    return project


@pytest.fixture(scope="module")
def ports(project) -> Iterator[tuple[int, int]]:
    """Of Prefect's and MLflow's servers, while a schedule is served that retrains at every full minute."""
    prefect, mlflow = unused_port(), unused_port()
    heatmark = [sys.executable, "-m", "heatmark"]
    schedule = [
        *heatmark,
        "schedule",
        "--cron",
        "* * * * *",
        "--recipe",
        "recipes/tiny.yaml",
        "--data",
        "more/synthetic",
    ]
    pages = [*heatmark, "pages", "--prefect-port", str(prefect), "--mlflow-port", str(mlflow)]
    with (
        serving(project, [*schedule, "--port", str(prefect)], f"http://127.0.0.1:{prefect} shows the runs"),
        serving(project, pages, f"MLflow   http://127.0.0.1:{mlflow}"),
    ):
        yield prefect, mlflow


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


def found(port: int, what: str, wanted: Callable[[dict], bool]) -> dict:
    """The first of Prefect's things that is wanted, once there is one."""
    while True:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/{what}/filter", b"{}", {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            if those := [each for each in json.load(answer) if wanted(each)]:
                return those[0]
        time.sleep(1)


def aliases(project) -> dict[str, str]:
    client = MlflowClient(f"sqlite:///{project.root}/runs/mlflow.db")
    return {name: str(version) for name, version in client.get_registered_model(MODEL).aliases.items()}


def picture(page: Page, project, name: str) -> None:
    """For people, who look at them after a change: tests see words, not how they stand."""
    (project.root / "pictures").mkdir(exist_ok=True)
    time.sleep(2)  # until what moves has come to rest
    page.picture(project.root / "pictures" / f"{name}.png")


def test_a_scheduled_retraining_on_new_data_waits_for_a_person(project, ports, page):
    prefect, mlflow = ports
    assert "1" == aliases(project)["champion"]
    run = found(prefect, "flow_runs", lambda run: run["name"].startswith("retrain by recipes/tiny.yaml on "))
    assert run["auto_scheduled"]
    asking = found(prefect, "flow_runs", lambda run: run["state_type"] == "PAUSED")
    assert f"approve {MODEL} version 2?" == asking["name"]
    page.go(f"http://127.0.0.1:{prefect}/runs/flow-run/{run['id']}")
    page.until("Running", "promote: await approval: better: NME")
    picture(page, project, "retrain")
    page.go(f"http://127.0.0.1:{mlflow}/#/models/{MODEL}")
    page.until("@ champion", "@ challenger")
    picture(page, project, "challenger")


def test_it_is_approved_on_the_page_and_becomes_champion(project, ports, page):
    prefect, mlflow = ports
    asking = found(prefect, "flow_runs", lambda run: run["state_type"] == "PAUSED")
    page.go(f"http://127.0.0.1:{prefect}/runs/flow-run/{asking['id']}")
    page.until("Paused")
    page.click("button", "Resume")
    page.until("Is heatmark-tiny version 2 to be champion? The gate says: better: NME")
    page.click("button", "Submit")
    page.until("'decision' is a required property", "'because' is a required property", "'by' is a required property")
    page.fill("Decision", "approve")
    page.fill("Because", "looked at the worst faces")
    page.fill("By", "ann")
    picture(page, project, "resume")
    page.click("button", "Submit")
    page.until("Completed")
    retrained = found(
        prefect,
        "flow_runs",
        lambda run: run["state_type"] == "COMPLETED" and run["name"].startswith("retrain by recipes/tiny"),
    )
    assert {"champion": "2", "previous": "1"} == aliases(project)
    page.go(f"http://127.0.0.1:{prefect}/runs/flow-run/{retrained['id']}")
    page.until("promote: promote: approved by ann: looked at the worst faces")
    picture(page, project, "approved")
    page.go(f"http://127.0.0.1:{mlflow}/#/models/{MODEL}/versions/2")
    page.until("@ champion", "looked at the worst faces", "ann")
    picture(page, project, "champion")


def test_it_is_rolled_back_on_the_page(project, ports, page):
    prefect, mlflow = ports
    deployment = found(prefect, "deployments", lambda each: each["name"] == "roll back")
    page.go(f"http://127.0.0.1:{prefect}/deployments/deployment/{deployment['id']}")
    page.click("button", "Run")
    page.click("a, button, span, div", "Custom run")
    page.fill("model", MODEL)
    page.fill("because", "blurred in the field")
    page.fill("by", "bob")
    picture(page, project, "roll_back")
    page.click("button", "Submit")
    run = found(
        prefect, "flow_runs", lambda run: run["name"] == f"roll back {MODEL}" and run["state_type"] == "COMPLETED"
    )
    assert {"champion": "1"} == aliases(project)
    page.go(f"http://127.0.0.1:{prefect}/runs/flow-run/{run['id']}")
    page.until(f"{MODEL}: version 1 is champion again, and 2 is rolled back")
    picture(page, project, "rolled_back")
    page.go(f"http://127.0.0.1:{mlflow}/#/models/{MODEL}/versions/2")
    page.until("rolled back", "blurred in the field", "bob")
    said = project.run("python", "-m", "heatmark", "history", "--model", MODEL).stdout
    assert ["roll back 2 to 1", "promote 2", "await approval 2", "promote 1"] == [
        words for line in said.splitlines() if (words := line.split("│")[2].strip() if line.count("│") > 3 else "")
    ]
