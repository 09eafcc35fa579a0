"""Which of MLflow's and Prefect's pages `heatmark pages` says to look at first."""

from __future__ import annotations

import pytest

from flows.pages import begin_with
from pipelines.registry.register import own_model
from pipelines.registry.tracking import Registry, Run, connect
from tests.pipelines.registry.conftest import stored_in

MLFLOW, PREFECT = "http://127.0.0.1:5000", "http://127.0.0.1:4200"


@pytest.fixture
def client(tmp_path):
    with stored_in(tmp_path):
        yield connect()


def test_before_the_first_retraining_there_are_the_flow_runs_only(client):
    assert [f"flow runs\n  {PREFECT}/runs"] == begin_with(MLFLOW, PREFECT)


def test_then_the_registered_model_and_the_newest_run_come_first(client):
    Run(client, "a" * 16, "demo")
    newest, model = Run(client, "b" * 16, "demo"), Registry(client, own_model()).name
    experiment = client.get_run(newest.id).info.experiment_id
    assert begin_with(MLFLOW, PREFECT) == [
        f"{model}\n  {MLFLOW}/#/models/{model}",
        f"newest run\n  {MLFLOW}/#/experiments/{experiment}/runs/{newest.id}",
        f"flow runs\n  {PREFECT}/runs",
    ]
