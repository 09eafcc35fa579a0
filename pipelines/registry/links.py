"""Where MLflow's pages show a run, a registered model and a version."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from pipelines.registry import tracking
from pipelines.runtime.environment import tracking_uri
from pipelines.runtime.secrets import without_secrets


def server() -> str:
    """The address of the tracking server, without secrets; "" where runs are kept in a file, of which nobody serves pages."""
    uri = without_secrets(tracking_uri())
    return uri.rstrip("/") if urlsplit(uri).scheme in ("http", "https") else ""


def model_page(address: str, name: str) -> str:
    """Of a registered model, on a server."""
    return f"{address}/#/models/{quote(name, safe='')}"


def run_page(client: tracking.MlflowClient, run: str, of: str = "") -> str:
    """Of a run, which is there, on the server of that address, or else the tracking server; "" where there is none."""
    address = of or server()
    return f"{address}/{of_run(client, run)}" if address else ""


def of_run(client: tracking.MlflowClient, run: str) -> str:
    """Of a run, which is there, as MLflow's own pages link it, whichever server shows them."""
    return f"#/experiments/{client.get_run(run).info.experiment_id}/runs/{run}"


def artifact(page: str, name: str) -> str:
    """Of a file of a run, whose page that is."""
    return f"{page}/artifacts/{quote(name)}"
