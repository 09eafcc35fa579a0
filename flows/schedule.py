"""Retraining on a cron: deploys prefect.yaml, and makes its runs here, and those that somebody asks for on Prefect's page."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext

from flows.apart import go_apart
from flows.servers import prefect_server, require_api
from pipelines.runtime import command
from pipelines.runtime.environment import ROOT, STATE, from_root, require_checkout
from pipelines.runtime.outputs import alone


def main(cron: str | None = None, recipe: str | None = None, data: str | None = None, port: int = 4200) -> None:
    """Retrains at CRON (UTC) until Ctrl-C, by the server that PREFECT_API_URL names, or by this checkout's own on loopback.

    Raises:
        ValueError: The server does not answer, cannot start, or refuses; or a schedule is served from this folder already.
    """
    require_checkout()
    parameters = {"recipe": from_root(recipe), "data": from_root(data)}
    os.chdir(ROOT)
    go_apart()
    own = not os.environ.get("PREFECT_API_URL")
    with (
        alone(STATE / "schedule.lock", "a schedule is served from this folder already: end that one first"),
        prefect_server(port) if own else nullcontext() as address,
    ):
        if address:
            os.environ["PREFECT_API_URL"] = f"{address}/api"
        require_api()
        _deploy(cron, parameters, own)
        _work()


def _deploy(cron: str | None, parameters: dict[str, str | None], own: bool) -> None:
    # Prefect reads its address at import.
    from prefect.client.orchestration import get_client

    from flows import deploy

    plan = deploy.planned(deploy.PLAN, cron, parameters)
    with get_client(sync_client=True) as client:
        # On a server for several, another machine may be at work for the same pool.
        said = deploy.end_what_was_left(client) if own else []
        said += deploy.skip_missed(client)
        deploy.deploy(client, plan)
    cron = next(each["schedules"][0]["cron"] for each in plan["deployments"] if each.get("schedules"))
    said.append(f"retrain at {cron!r} (UTC); {os.environ['PREFECT_API_URL'].removesuffix('/api')} shows the runs")
    print(*said, sep="\n", flush=True)


def _work() -> None:
    """A worker, until Ctrl-C."""
    from flows.deploy import POOL

    words = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    subprocess.run(words, check=False)


if __name__ == "__main__":
    command.run(main)
