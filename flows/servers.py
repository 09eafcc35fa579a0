"""MLflow's and Prefect's own servers, on loopback only, over the state that the flows keep in the repository."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipelines.registry.moved import require_unmoved
from pipelines.runtime.environment import ROOT, RUNS, tracking_uri

HOST = "127.0.0.1"
WAIT_S = 120


@contextmanager
def prefect_server(port: int = 4200) -> Iterator[str]:
    """Prefect's server; yields its address."""
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    with _serving("Prefect", command, port, "/api/health") as address:
        yield address


@contextmanager
def mlflow_server(port: int = 5000) -> Iterator[str]:
    """MLflow's server over the tracking store; yields its address.

    Raises:
        ValueError: This checkout's own store still keeps its artifacts where the checkout was before.
    """
    require_unmoved()
    RUNS.mkdir(exist_ok=True)
    store = ["--backend-store-uri", tracking_uri(), "--default-artifact-root", (RUNS / "mlartifacts").as_uri()]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--host", HOST, "--port", str(port), "--workers", "1"]
    with _serving("MLflow", command, port, "/health") as address:
        yield address


@contextmanager
def _serving(name: str, command: Sequence[str], port: int, health: str) -> Iterator[str]:
    """A server for the block.

    Raises:
        ValueError: The port is taken, or the server does not come up.
    """
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise ValueError(
                f"port {port} is taken, so {name}'s server cannot start there; another one is an option of this command"
            )
    RUNS.mkdir(exist_ok=True)
    log = RUNS / f"{name.lower()}-server.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
    address = f"http://{HOST}:{port}"
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
