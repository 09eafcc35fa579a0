"""Whose server is on a port: ours is used, somebody else's is not."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flows.servers import mlflow_server, prefect_server
from pipelines.runtime.environment import RUNS, prefect_home
from tests.conftest import unused_port

HEALTH, SETTINGS = "/api/health", "/api/admin/settings"
EXPERIMENTS = "/api/2.0/mlflow/experiments/search?max_results=1000"


@contextmanager
def program(answers: dict[str, object]) -> Iterator[int]:
    """A program on a port of loopback that answers some paths with JSON, and 404 to all others; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answers.get(self.path)).encode())

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def experiments(folder: str) -> dict:
    return {"experiments": [{"name": "heatmark", "artifact_location": folder}]}


OURS = (RUNS / "mlartifacts").as_uri()


@pytest.mark.parametrize(
    ("serve", "answers"),
    [
        (prefect_server, {HEALTH: True, SETTINGS: {"home": str(prefect_home())}}),
        (prefect_server, {HEALTH: True}),  # whose it is cannot be told
        (mlflow_server, {EXPERIMENTS: experiments(OURS)}),
        (mlflow_server, {EXPERIMENTS: experiments(f"{OURS}/0")}),
    ],
)
def test_a_server_of_this_checkout_is_used_and_not_ended(serve: Callable, answers: dict, capsys):
    with program(answers) as port:
        for _ in range(2):
            with serve(port) as address:
                assert f"http://127.0.0.1:{port}" == address
        assert f"runs at http://127.0.0.1:{port} already; it ends with whoever started it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("serve", "answers"),
    [
        (prefect_server, {}),
        (prefect_server, {HEALTH: {"status": "up"}}),
        (prefect_server, {HEALTH: True, SETTINGS: {"home": "/elsewhere/.state/prefect"}}),
        (mlflow_server, {}),
        (mlflow_server, {EXPERIMENTS: {"experiments": []}}),
        (mlflow_server, {EXPERIMENTS: experiments("file:///elsewhere/runs/mlartifacts")}),
    ],
)
def test_a_port_of_somebody_else_is_refused_with_the_way_out(serve: Callable, answers: dict):
    sentence = "port .* is taken, so .* cannot start there; another one is an option of this command"
    with program(answers) as port, pytest.raises(ValueError, match=sentence), serve(port):
        pass


def test_a_tracking_server_elsewhere_is_shown_without_its_password_and_nothing_is_started(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@tracking.example.org/mlflow")
    monkeypatch.setattr(subprocess, "Popen", None)
    with mlflow_server() as address:
        assert "https://tracking.example.org/mlflow" == address


@pytest.mark.slow
def test_pages_shows_the_server_that_a_schedule_has_started(make_project):
    project, prefect, mlflow = make_project(), unused_port(), unused_port()
    schedule = [sys.executable, "-m", "heatmark", "schedule", "--port", str(prefect)]
    pages = [sys.executable, "-m", "heatmark", "pages", "--prefect-port", str(prefect), "--mlflow-port", str(mlflow)]
    with serving(project, schedule, f"http://127.0.0.1:{prefect} shows the runs"):
        expected = f"MLflow   http://127.0.0.1:{mlflow}\nPrefect  http://127.0.0.1:{prefect}\n"
        with serving(project, pages, expected) as said:
            assert f"Prefect's server of this checkout runs at http://127.0.0.1:{prefect} already" in said()
        other = make_project()
        refused = other.run(*schedule, check=False)
        assert f"heatmark: port {prefect} is taken, so Prefect's server cannot start there" in refused.stderr
        socket.create_connection(("127.0.0.1", prefect)).close()  # it did not end with the pages


@contextmanager
def serving(project, command: list[str], until: str) -> Iterator[Callable[[], str]]:
    """A command that serves until it is stopped, once it has said so; yields what gives all that it said."""
    path = project.root / f"{command[3]}.said"
    with path.open("w") as said:
        process = subprocess.Popen(
            command, cwd=project.root, env=project.environment(), stdout=said, stderr=subprocess.STDOUT
        )
    try:
        while until not in path.read_text():
            assert process.poll() is None, path.read_text()
            time.sleep(0.2)
        yield path.read_text
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
