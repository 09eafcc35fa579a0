"""Retraining on a cron: deploys prefect.yaml, and makes its runs here, as well as those that are asked for on Prefect's page."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import nullcontext, suppress
from pathlib import Path

import psutil

from flows.apart import go_apart
from flows.servers import prefect_server, require_api
from pipelines.params import load_params
from pipelines.runtime import command
from pipelines.runtime.environment import ROOT, STATE, from_root, require_checkout
from pipelines.runtime.outputs import alone

STOP_S = 60


def main(cron: str | None = None, recipe: str | None = None, data: str | None = None, port: int = 4200) -> None:
    """Retrains at CRON (UTC) until Ctrl-C, by the server that PREFECT_API_URL names, or by this checkout's own on loopback.

    Raises:
        ValueError: RECIPE or params.yaml has a wrong key, DATA is no folder; the server does not answer, cannot start, or refuses; or
            a schedule is served from this folder already.
    """
    require_checkout()
    load_params(recipe or ROOT / "params.yaml")
    if data and not Path(data).is_dir():
        raise ValueError(f"--data {data} is not a folder")
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
        if not own:
            deploy.refuse_another(client)
        said = [*deploy.end_what_was_left(client), *deploy.remove_others(client, plan)] if own else []
        said += deploy.skip_missed(client)
        deploy.deploy(client, plan)
    said.append(
        f"retrain at {deploy.retrain_of(plan)['schedules'][0]['cron']!r} (UTC); {os.environ['PREFECT_API_URL'].removesuffix('/api')} shows the runs"
    )
    print(*said, sep="\n", flush=True)


def _work() -> None:
    """A worker, until Ctrl-C, which ends its runs first.

    Raises:
        ValueError: It has ended by itself.
    """
    from flows.deploy import POOL

    words = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    worker = psutil.Popen(words, cwd=ROOT)
    try:
        code = worker.wait()
    except KeyboardInterrupt:
        # By itself it would leave them to go on, without a server to tell what becomes of them.
        _stop(worker.children())
        _stop([worker])
        raise
    raise ValueError(f"Prefect's worker has ended with {code}")


def _stop(processes: list[psutil.Process]) -> None:
    """A Ctrl-C for each: a run ends its stage and tells the server; who does not end is ended."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(processes, timeout=STOP_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()


if __name__ == "__main__":
    command.run(main)
