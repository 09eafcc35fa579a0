"""The pages to look at: MLflow's (runs, curves, versions) and Prefect's (flow runs, their logs and tables)."""

from __future__ import annotations

import time

from flows.apart import one_stop
from flows.servers import mlflow_server, prefect_server
from pipelines.runtime import command
from pipelines.runtime.environment import require_checkout


def main(mlflow_port: int = 5000, prefect_port: int = 4200) -> None:
    """Serves both on this machine until Ctrl-C; where a server of this checkout runs already, shows that one."""
    require_checkout()
    try:
        with one_stop(), mlflow_server(mlflow_port) as mlflow, prefect_server(prefect_port) as prefect:
            print(f"MLflow   {mlflow}\nPrefect  {prefect}", flush=True)
            print(*begin_with(mlflow, prefect), sep="\n", flush=True)
            print("Ctrl-C ends what was started here.", flush=True)
            while True:
                time.sleep(1)
    except KeyboardInterrupt:
        print("\nended")


def begin_with(mlflow: str, prefect: str) -> list[str]:
    """What is looked at first: the registered model of params.yaml, the newest run, the flow runs; what is there already."""
    from pipelines.registry import links, register, tracking

    client, name = tracking.connect(), register.own_model()
    has_model = name in {registry.name for registry in tracking.Registry.all(client)}
    run = tracking.newest_run(client)
    pages = {
        name: links.model_page(mlflow, name) if has_model else "",
        "newest run": links.run_page(client, run, mlflow) if run else "",
        "flow runs": f"{prefect}/runs",
    }
    return [f"{what}\n  {page}" for what, page in pages.items() if page]


if __name__ == "__main__":
    command.run(main)
