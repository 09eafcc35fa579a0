"""PostgreSQL, an S3-compatible store, MLflow's and Prefect's servers, and two Ray nodes, of this machine and started as a person would."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import unused_port

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/operations.md"
PG_ACCOUNT = "postgres"  # the package makes it; PostgreSQL refuses root
WAIT_S = 180


def commands(section: str) -> list[str]:
    """What a section of docs/operations.md tells to type."""
    text = PAGE.read_text(encoding="utf-8")
    body = re.search(rf"^##+ {re.escape(section)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    assert body, f"no section {section!r}"
    typed = [line for block in re.findall(r"```console\n(.*?)```", body[1], re.S) for line in block.splitlines()]
    return [line[2:].partition("   # ")[0] for line in typed if line.startswith("$ ")]


def settings() -> dict[str, str]:
    """deploy/.env as a person fills it in, on ports that are free."""
    text = (ROOT / "deploy/.env.example").read_text(encoding="utf-8")
    fields = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    filled = {name: value or secrets.token_hex(16) for name, value in fields.items()}
    for port in sorted({found for value in filled.values() for found in re.findall(r"127\.0\.0\.1:(\d+)", value)}):
        other = str(unused_port())
        filled = {name: value.replace(f"127.0.0.1:{port}", f"127.0.0.1:{other}") for name, value in filled.items()}
    return {**filled, "PGPORT": str(unused_port())}


@contextmanager
def postgres(env: dict[str, str]) -> Iterator[None]:
    """A cluster of its own, with the user that the settings name and none of our databases."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "PostgreSQL is not installed: `make test-deployment` does that"
    binaries = found[-1].parent
    as_account = ["runuser", "-u", PG_ACCOUNT, "--"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder:  # not below pytest's own, which only its user may enter
        data, password = Path(folder) / "data", Path(folder) / "password"
        password.write_text(env["PGPASSWORD"])
        if as_account:
            for path in (Path(folder), password):
                shutil.chown(path, PG_ACCOUNT)

        def run(*words: str) -> None:
            subprocess.run([*as_account, *words], cwd=folder, check=True, capture_output=True)

        user = ["--username", env["PGUSER"], "--pwfile", str(password), "--auth=scram-sha-256", "--no-sync"]
        run(f"{binaries}/initdb", "--pgdata", str(data), *user)
        options = f"-p {env['PGPORT']} -k {folder} -c listen_addresses={env['PGHOST']} -c fsync=off"
        run(f"{binaries}/pg_ctl", "-D", str(data), "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield
        finally:
            run(f"{binaries}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")


@contextmanager
def serving(words: Sequence[str], env: dict[str, str], address: str, log: Path) -> Iterator[None]:
    """A server, once it answers at its address."""
    with log.open("w") as file:
        process = subprocess.Popen(words, cwd=log.parent, env=env, stdout=file, stderr=file)
    try:
        for _ in range(WAIT_S):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(1)
        else:
            raise AssertionError(log.read_text())
        yield
    finally:
        process.terminate()
        process.wait(60)


class Deployment:
    """All servers of one place, and the environment that names them.

    Args:
        folder: For logs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.settings = folder, settings()
        # The defaults keep the servers' own folders inside this one, and quiet.
        self.env = {**os.environ, **self.settings, "PREFECT_HOME": str(folder / "prefect")}
        self.stack = ExitStack()

    def start_stores(self) -> None:
        self.stack.enter_context(postgres(self.settings))
        port = str(urlsplit(self.settings["AWS_ENDPOINT_URL"]).port)
        words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
        self.stack.enter_context(serving(words, self.env, f"http://127.0.0.1:{port}/moto-api/", self.folder / "s3.log"))

    def start_servers(self) -> None:
        """By the page's own commands, on our ports."""
        for line in commands("Start the servers"):
            name = line.split()[0]
            where = {"mlflow": "MLFLOW_TRACKING_URI", "prefect": "PREFECT_API_URL"}[name]
            address = urlsplit(self.settings[where])
            words = re.sub(r"(?<=--port )\d+", str(address.port), line).split()
            log, health = self.folder / f"{name}.log", {"mlflow": "/health", "prefect": "/api/health"}[name]
            words[0] = str(Path(sys.executable).parent / name)
            self.stack.enter_context(serving(words, self.env, f"http://{address.netloc}{health}", log))


@pytest.fixture(scope="module")
def start_deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """Makes deployments, each with stores of its own; they end with the tests."""
    with ExitStack() as stack:

        def start() -> Deployment:
            deployment = Deployment(tmp_path_factory.mktemp("deployment"))
            stack.enter_context(deployment.stack)
            deployment.start_stores()
            return deployment

        yield start
