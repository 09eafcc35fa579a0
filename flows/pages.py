"""The pages to look at: MLflow's (runs, curves, versions) and Prefect's (flow runs, their logs and tables)."""

from __future__ import annotations

import time

import typer

from flows.servers import mlflow_server, prefect_server


def main(mlflow_port: int = 5000, prefect_port: int = 4200) -> None:
    """Serves both on this machine until Ctrl-C."""
    try:
        with mlflow_server(mlflow_port) as mlflow, prefect_server(prefect_port) as prefect:
            print(f"MLflow   {mlflow}\nPrefect  {prefect}\nCtrl-C ends both.", flush=True)
            while True:
                time.sleep(1)
    except ValueError as error:
        raise SystemExit(f"pages: {error}") from None
    except KeyboardInterrupt:
        print("\nended")


if __name__ == "__main__":
    typer.run(main)
