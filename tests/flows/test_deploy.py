"""What stands in prefect.yaml, on a real Prefect server, and what a schedule finds there that begins."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Running

import flows.deploy
from flows.deploy import (
    PLAN,
    POOL,
    deploy,
    end_what_was_left,
    planned,
    refuse_another,
    remove_others,
    retrain_of,
    skip_missed,
)
from flows.servers import HOST, _wait
from pipelines.runtime.environment import ROOT
from tests.conftest import unused_port

NAMES = ["last look", "measure", "promote", "retire", "retrain", "roll back"]


def test_a_schedule_is_what_prefect_yaml_says_but_for_what_is_given():
    assert retrain_of(planned(PLAN, None, {"recipe": None, "data": None})) == {
        **retrain_of(planned(PLAN, None, {})),
        "schedules": [{"cron": "0 3 * * *", "timezone": "UTC"}],
        "parameters": {},
    }
    given = planned(PLAN, "5 * * * *", {"recipe": "recipes/demo.yaml", "data": None})
    assert [{"cron": "5 * * * *", "timezone": "UTC"}] == retrain_of(given)["schedules"]
    assert {"recipe": "recipes/demo.yaml"} == retrain_of(given)["parameters"]


@pytest.mark.parametrize("wrong", ["every night", "61 3 * * *", "0 3"])
def test_a_time_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=r"--cron '.*': expected minute hour day month weekday"):
        planned(PLAN, wrong, {})


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[SyncPrefectClient]:
    """Of a Prefect server of its own, to which prefect.yaml is deployed with a run every minute."""
    home, port = tmp_path_factory.mktemp("prefect"), unused_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    api = f"http://{HOST}:{port}/api"
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            command, env={**os.environ, "PREFECT_HOME": str(home)}, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait("Prefect", process, f"{api}/health", str(home / "log"))
        with pytest.MonkeyPatch.context() as patched, temporary_settings({PREFECT_API_URL: api}):
            patched.setenv("PREFECT_API_URL", api)
            with get_client(sync_client=True) as client:
                deploy(client, planned(PLAN, "* * * * *", {"recipe": "recipes/demo.yaml"}))
                yield client
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_each_deployment_says_what_it_does_and_what_it_takes(client):
    found = {each.name: each for each in client.read_flows()}
    assert NAMES == sorted(found)
    for each in client.read_deployments():
        assert (1, "heatmark") == (each.global_concurrency_limit.limit, each.work_pool_name)
        assert found[each.name].id == each.flow_id  # the page shows the deployment's name first
        assert each.enforce_parameter_schema
        assert each.description
        for name, said in each.parameter_openapi_schema["properties"].items():
            assert said.get("description"), f"{each.entrypoint}: {name}"
    retrain = client.read_deployment_by_name("retrain/retrain")
    assert {"recipe": "recipes/demo.yaml"} == retrain.parameters
    assert ["* * * * *"] == [each.schedule.cron for each in retrain.schedules]
    assert {"UTC"} == {each.schedule.timezone for each in retrain.schedules}


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [{"version": "three"}, {"because": " "}, {"because": ""}, {"by": ""}, {"model": ""}],
)
def test_a_wrong_parameter_is_refused_before_a_run_is_made(client, wrong):
    right = {"model": "heatmark-demo", "version": "3", "because": "it was the camera", "by": "ann"}
    promote = client.read_deployment_by_name("promote/promote")
    with pytest.raises(PrefectHTTPStatusError, match=next(iter(wrong))):
        client.create_flow_run_from_deployment(promote.id, parameters={**right, **wrong})


@pytest.mark.slow
def test_another_checkout_whose_worker_is_at_work_is_not_pushed_aside(client, monkeypatch):
    refuse_another(client)  # its own deployments, and nobody at work
    monkeypatch.setattr(flows.deploy, "ROOT", Path("/elsewhere"))
    refuse_another(client)  # whoever deployed them is gone
    client.send_worker_heartbeat(POOL, "ann's worker", heartbeat_interval_seconds=30)
    with pytest.raises(
        ValueError, match=f"serves the schedule of another checkout, {ROOT}, by ann's worker: end that one"
    ):
        refuse_another(client)
    monkeypatch.setattr(flows.deploy, "ROOT", ROOT)
    refuse_another(client)


@pytest.mark.slow
def test_what_was_due_while_nobody_served_is_skipped_and_what_a_person_asked_for_stays(client):
    retrain = client.read_deployment_by_name("retrain/retrain")
    asked = client.create_flow_run_from_deployment(retrain.id)
    while not (said := skip_missed(client)):  # within a minute the schedule has missed one
        time.sleep(2)
    assert said[0].endswith("were due while nobody served; they are skipped")
    skipped = [run for run in runs(client) if run.state_name == "Cancelled"]
    assert {"it was due while nobody served"} == {run.state.message for run in skipped}
    assert all(run.auto_scheduled for run in skipped)
    assert client.read_flow_run(asked.id).state.is_scheduled()

    deploy(client, planned(PLAN, "0 3 1 1 *", {}))
    waiting = [run for run in runs(client) if run.state.is_scheduled() and run.id != asked.id]
    assert {3} >= {run.expected_start_time.hour for run in waiting}  # none of the schedule before
    assert [] == skip_missed(client)


@pytest.mark.slow
def test_a_run_whose_worker_is_gone_does_not_hold_the_only_place(client):
    retrain = client.read_deployment_by_name("retrain/retrain")
    left = client.create_flow_run_from_deployment(retrain.id)
    client.set_flow_run_state(left.id, Running(), force=True)
    assert [f"schedule: {left.name} was left running; it counts as crashed"] == end_what_was_left(client)
    assert "its worker has ended before it" == client.read_flow_run(left.id).state.message
    assert [] == end_what_was_left(client)


@pytest.mark.slow
def test_a_deployment_that_prefect_yaml_has_no_more_is_removed_with_its_schedule(client):
    plan = planned(PLAN, None, {})
    assert [] == remove_others(client, plan)
    plan["deployments"] = [each for each in plan["deployments"] if each["name"] != "retire"]
    assert ["schedule: deployment 'retire' is not in prefect.yaml; it is removed"] == remove_others(client, plan)
    assert ["last look", "measure", "promote", "retrain", "roll back"] == sorted(
        each.name for each in client.read_deployments()
    )


def runs(client: SyncPrefectClient) -> list[FlowRun]:
    return client.read_flow_runs(limit=200)
