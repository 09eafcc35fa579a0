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
            print(f"MLflow   {mlflow}\nPrefect  {prefect}\nCtrl-C ends what was started here.", flush=True)
            while True:
                time.sleep(1)
    except KeyboardInterrupt:
        print("\nended")


if __name__ == "__main__":
    command.run(main)
