"""What many tests share: a Ray of this machine, and a copy of the project to run whole flows in."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from pipelines.runtime import environment

environment.set_defaults()  # before anything imports ray, prefect, mlflow or dvc

# A shell that starts the tests in the background has them, and all that they start, pass over a Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
CODE = ["components", "pipelines", "flows", "studies", "heatmark", "recipes"]
FILES = ["pyproject.toml", "dvc.yaml", "prefect.yaml", "requirements.lock"]
FILES += [".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore"]

settings.register_profile("tests", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what is compared with, instead of comparing")


class Project:
    """A copy of the project in a folder of its own, with git and DVC, to run its commands in.

    Args:
        root: Of the copy.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(
        self, *words: str, check: bool = True, timeout: float = 600, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command as a user would, in the copy's root; "python" is this very Python."""
        done = subprocess.run(
            words, cwd=self.root, env=self.environment(**environment), capture_output=True, text=True, timeout=timeout, check=False
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def environment(self, **extra: str) -> dict[str, str]:
        """The user's environment, without what this project's own defaults have put into ours."""
        kept = {name: value for name, value in os.environ.items() if name not in environment.names()}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**kept, "PATH": path, **extra}

    def workers(self) -> list[str]:
        """Commands of all processes that work in the copy."""
        found = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()).is_relative_to(self.root.resolve()):
                    found.append(" ".join(process.cmdline()))
            except (psutil.Error, OSError):
                continue
        return found

    def edit(self, name: str, *changes: tuple[str, str]) -> None:
        """Replaces text in a file; every text must be there."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"{name} has no {old!r}"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory):
    """Makes copies, by the demo's params; each is a git repository with one commit."""
    from pipelines.params import whole_text

    def make() -> Project:
        # Short, so that Ray's sockets fit below it.
        root = tmp_path_factory.mktemp("p", numbered=True)
        for name in CODE:
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            (root / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, root / name)
        # Not the checkout's, which is whatever was trained there last.
        (root / "params.yaml").write_text(whole_text(ROOT / "recipes" / "demo.yaml"), encoding="utf-8")
        project = Project(root)
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-qm", "a copy"]):
            project.run("git", *words)
        project.run("git", "config", "user.name", "Test")
        project.run("git", "config", "user.email", "test@example.org")
        return project

    return make


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """One Ray for all tests that need one in this process."""
    from pipelines.runtime import cluster

    with cluster.connected(training_workers=2):
        yield


@pytest.fixture
def listening() -> Callable[[int], set[str]]:
    """The addresses at which a process, and those below it, wait for others: "127.0.0.1 gcs_server", say."""

    def addresses(pid: int) -> set[str]:
        found = set()
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with suppress(psutil.Error):
                for one in process.net_connections(kind="inet"):
                    if one.status == psutil.CONN_LISTEN:
                        found.add(f"{one.laddr.ip.removeprefix('::ffff:')} {process.name()}")
        return found

    return addresses


def unused_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def ray_place() -> Iterator[Path]:
    """What Ray nodes of the tests keep, logs too. Short, for Ray's sockets: pytest's own folders are not, on several cores."""
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def ray_nodes(ray_place: Path) -> Callable[[int], AbstractContextManager[dict[str, str]]]:
    """Starts two Ray nodes of this machine, as `ray start` starts them, for a block; that gets the environment to join them."""

    @contextmanager
    def start(num_cpus: int) -> Iterator[dict[str, str]]:
        port, folder = unused_port(), Path(tempfile.mkdtemp(dir=ray_place, prefix=""))
        (folder / "ray_bootstrap_config.yaml").write_text("provider: {type: local}\n")
        environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}
        # Our defaults keep a Ray of our own to one node.
        kept = {name: value for name, value in os.environ.items() if name != "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"}
        env = {**kept, **environment, "HOME": str(folder)}
        common = [f"--num-cpus={num_cpus}", "--object-store-memory=300000000", "--disable-usage-stats", "--block"]
        head = ["--head", f"--port={port}", f"--temp-dir={folder}/h"]
        head += ["--dashboard-host=127.0.0.1", f"--dashboard-port={unused_port()}"]
        starts = [["ray", "start", "--node-ip-address=127.0.0.1", *head, *common]]
        starts += [["ray", "start", f"--address=127.0.0.1:{port}", "--node-ip-address=127.0.0.1", *common]]
        nodes: list[subprocess.Popen] = []
        try:
            for words in starts:
                path = folder / f"node{len(nodes)}.log"
                with path.open("w") as log:
                    nodes.append(subprocess.Popen(words, env=env, stdout=log, stderr=log))
                _wait_for("Ray runtime started", path, nodes[-1])
            yield {**environment, "RAY_ADDRESS": f"127.0.0.1:{port}"}
        finally:
            # Not `ray stop`: that would end every Ray of this machine.
            running = [psutil.Process(node.pid) for node in nodes if node.poll() is None]
            for process in [*running, *(child for node in running for child in node.children(recursive=True))]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            for node in nodes:
                node.wait()

    return start


def _wait_for(text: str, log: Path, process: subprocess.Popen) -> None:
    for _ in range(600):
        if text in log.read_text():
            return
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(f"a Ray node did not start: {log.read_text()}")
