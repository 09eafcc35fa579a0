"""Retraining on a cron: serves the flow from this process, and makes its runs here."""

from __future__ import annotations

import os
from contextlib import nullcontext

from flows.apart import go_apart
from flows.servers import prefect_server, require_api
from pipelines.runtime import command
from pipelines.runtime.environment import ROOT, from_root, require_checkout


def main(cron: str = "0 3 * * *", recipe: str | None = None, data: str | None = None, port: int = 4200) -> None:
    """Retrains at CRON (UTC) until Ctrl-C, by the server that PREFECT_API_URL names, or by this checkout's own on loopback.

    Raises:
        ValueError: The server does not answer, or cannot start.
    """
    require_checkout()
    parameters = {"recipe": from_root(recipe), "data": from_root(data)}
    os.chdir(ROOT)
    go_apart()
    with nullcontext() if os.environ.get("PREFECT_API_URL") else prefect_server(port) as address:
        if address:
            os.environ["PREFECT_API_URL"] = f"{address}/api"
        require_api()
        _serve(cron, parameters)


def _serve(cron: str, parameters: dict[str, str | None]) -> None:
    # Prefect reads its address at import.
    from prefect.schedules import Cron

    from flows.retrain import retrain

    print(f"retrain at {cron!r} (UTC); {os.environ['PREFECT_API_URL'].removesuffix('/api')} shows the runs", flush=True)
    # One at a time: DVC's workspace has one writer.
    retrain.serve(
        name="cron", schedule=Cron(cron, timezone="UTC"), parameters=parameters, limit=1, print_starting_message=False
    )


if __name__ == "__main__":
    command.run(main)
