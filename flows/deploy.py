"""What stands in prefect.yaml, made known to a Prefect server, which is put in order for a worker that begins."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Cancelled, Crashed
from prefect.workers.process import ProcessWorker

from pipelines.runtime.environment import ROOT

POOL = "heatmark"
PLAN, RETRAIN = ROOT / "prefect.yaml", "flows.retrain.retrain"
BEGUN = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]


def planned(plan: Path, cron: str | None, parameters: dict[str, str | None]) -> dict[str, Any]:
    """The deployments of a prefect.yaml, with the retraining's time and parameters as given, where they are.

    Raises:
        ValueError: The time is none.
    """
    whole = yaml.safe_load(plan.read_text(encoding="utf-8"))
    retrain = retrain_of(whole)
    if cron:
        try:
            CronSchedule(cron=cron)
        except ValueError:
            raise ValueError(f"--cron {cron!r}: expected minute hour day month weekday, as '0 3 * * *'") from None
        retrain["schedules"] = [{"cron": cron, "timezone": "UTC"}]
    given = {name: value for name, value in parameters.items() if value is not None}
    retrain["parameters"] = {**(retrain.get("parameters") or {}), **given}
    return whole


def retrain_of(plan: dict[str, Any]) -> dict[str, Any]:
    """The deployment of the retraining."""
    return next(each for each in plan["deployments"] if each["entrypoint"] == RETRAIN)


def deploy(client: SyncPrefectClient, plan: dict[str, Any]) -> None:
    """Makes the work pool and the deployments, or brings them up to date.

    Raises:
        ValueError: Prefect refuses; with what it said.
    """
    try:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    except ObjectAlreadyExists:
        pass
    words = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(yaml.safe_dump(plan), encoding="utf-8")
        done = subprocess.run([*words, str(file)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"prefect.yaml could not be deployed: {(done.stderr or done.stdout).strip()}")


def refuse_another(client: SyncPrefectClient) -> None:
    """On a server for several, deployments have one name for all: a second checkout would take the first one's runs.

    Raises:
        ValueError: Another checkout's worker is at work on this server.
    """
    folders = {_folder(each) for each in client.read_deployments(limit=200) if each.work_pool_name == POOL}
    if not folders - {str(ROOT)}:
        return
    for worker in client.read_workers_for_work_pool(POOL):
        if worker.status == WorkerStatus.ONLINE:
            raise ValueError(
                f"this Prefect server serves the schedule of another checkout, {', '.join(sorted(folders - {str(ROOT)}))}, by "
                f"{worker.name}: end that one, or give this checkout a server of its own"
            )


def _folder(deployment: DeploymentResponse) -> str:
    """Where its flow is to be run, as `prefect deploy` notes it."""
    steps = [step for each in deployment.pull_steps or [] for step in each.values()]
    return next((step["directory"] for step in steps if "directory" in step), "")


def end_what_was_left(client: SyncPrefectClient) -> list[str]:
    """Ends the runs whose worker is gone: they would hold their deployment's only place for ever. Returns what there is to say."""
    left = _runs(client, BEGUN)
    if left:  # what they had asked a person
        asking = FlowRunFilterParentFlowRunId(any_=[run.id for run in left])
        left += client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=asking, state=_in(BEGUN)))
    for run in left:
        client.set_flow_run_state(run.id, Crashed(message="its worker has ended before it"), force=True)
    return [f"schedule: {run.name} was left {(run.state_name or '').lower()}; it counts as crashed" for run in left]


def remove_others(client: SyncPrefectClient, plan: dict[str, Any]) -> list[str]:
    """Removes the pool's deployments that do not stand in prefect.yaml any more: their schedules would go on."""
    names = {each["name"] for each in plan["deployments"]}
    others = [
        each for each in client.read_deployments(limit=200) if each.work_pool_name == POOL and each.name not in names
    ]
    for each in others:
        client.delete_deployment(each.id)
    return [f"schedule: deployment {each.name!r} is not in prefect.yaml; it is removed" for each in others]


def skip_missed(client: SyncPrefectClient) -> list[str]:
    """Cancels what was due while nobody served: a retraining takes all that is new, however many nights it waited for.

    A run that a person has asked for stays.
    """
    now = datetime.now(UTC)
    missed = [
        run
        for run in _runs(client, [StateType.SCHEDULED])
        if run.auto_scheduled and run.expected_start_time and run.expected_start_time < now
    ]
    for run in missed:
        client.set_flow_run_state(run.id, Cancelled(message="it was due while nobody served"), force=True)
    return [f"schedule: {len(missed)} runs were due while nobody served; they are skipped"] if missed else []


def _runs(client: SyncPrefectClient, states: list[StateType]) -> list[FlowRun]:
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    found: list[FlowRun] = []
    while page := client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=_in(states)), work_pool_filter=ours, limit=200, offset=len(found)
    ):
        found += page
    return found


def _in(states: list[StateType]) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=states))
