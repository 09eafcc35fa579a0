"""MLflow's and Prefect's own servers, on loopback only, over the state that the flows keep in the repository."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines.registry.moved import require_unmoved
from pipelines.runtime.environment import ROOT, RUNS, prefect_home, tracking_uri
from pipelines.runtime.secrets import without_secrets

HOST = "127.0.0.1"
WAIT_S, ANSWER_S = 300, 10


@contextmanager
def prefect_server(port: int = 4200) -> Iterator[str]:
    """Prefect's server, this checkout's that runs there already or one for the block; yields its address."""
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    # Its page asks port 4200 unless it is told otherwise, whichever it comes from itself.
    where = {"PREFECT_UI_API_URL": f"http://{HOST}:{port}/api"}
    with _serving("Prefect", command, port, "/api/health", _is_our_prefect, where) as address:
        yield address


@contextmanager
def mlflow_server(port: int = 5000) -> Iterator[str]:
    """MLflow's server over the tracking store, as above; where the store is a server itself, that one. Yields its address.

    Raises:
        ValueError: This checkout's own store still keeps its artifacts where the checkout was before.
    """
    uri = tracking_uri()
    if urlsplit(uri).scheme in ("http", "https"):
        yield without_secrets(uri)
        return
    require_unmoved()
    RUNS.mkdir(exist_ok=True)
    store = ["--backend-store-uri", uri, "--default-artifact-root", (RUNS / "mlartifacts").as_uri()]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--host", HOST, "--port", str(port), "--workers", "1"]
    with _serving("MLflow", command, port, "/health", _is_our_mlflow) as address:
        yield address


def require_api() -> None:
    """Finds out at once whether the Prefect server answers that PREFECT_API_URL names, if it names one.

    Raises:
        ValueError: It does not.
    """
    # Prefect reads its address at import.
    from prefect.client.orchestration import get_client
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    if not url:
        return
    with get_client(httpx_settings={"timeout": ANSWER_S}, sync_client=True) as client:
        error = client.api_healthcheck()
    if error:
        raise ValueError(
            f"no Prefect server answers at PREFECT_API_URL={without_secrets(url)} ({type(error).__name__}): start it, or unset the variable to do "
            "without one"
        )


def _is_our_prefect(address: str) -> bool:
    """Whether a Prefect server answers, of this checkout's folder if it says of which."""
    if _answer(f"{address}/api/health") is not True:
        return False
    settings = _answer(f"{address}/api/admin/settings")
    home = settings.get("home") if isinstance(settings, dict) else None
    return home is None or Path(home).resolve() == prefect_home().resolve()


def _is_our_mlflow(address: str) -> bool:
    """Whether an MLflow server answers that keeps artifacts in this checkout: there is no other sign of its store."""
    found = _answer(f"{address}/api/2.0/mlflow/experiments/search?max_results=1000")
    experiments = found.get("experiments", []) if isinstance(found, dict) else []
    ours = (RUNS / "mlartifacts").as_uri()
    return any(str(experiment.get("artifact_location")).startswith(ours) for experiment in experiments)


def _answer(url: str) -> Any:
    """What a program on this machine answers, if that is JSON; else None."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:  # noqa: S310 - on loopback
            return json.load(answer)
    except (OSError, HTTPException, ValueError):
        return None


@contextmanager
def _serving(
    name: str,
    command: Sequence[str],
    port: int,
    health: str,
    is_ours: Callable[[str], bool],
    more: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """A server for the block, or for longer, if it is there before.

    Raises:
        ValueError: Somebody else has the port, or the server does not come up.
    """
    address = f"http://{HOST}:{port}"
    if _is_taken(port):
        if not is_ours(address):
            raise ValueError(
                f"port {port} is taken, so {name}'s server cannot start there; another one is an option of this command"
            )
        print(
            f"{name}'s server of this checkout runs at {address} already; it ends with whoever started it", flush=True
        )
        yield address
        return
    RUNS.mkdir(exist_ok=True)
    log = RUNS / f"{name.lower()}-server.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(more or {})}, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        _wait(name, process, address + health, log.relative_to(ROOT).as_posix())
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _wait(name: str, process: subprocess.Popen, url: str, log: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - ours, on loopback
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise ValueError(f"{name}'s server did not come up; {log} says why")
