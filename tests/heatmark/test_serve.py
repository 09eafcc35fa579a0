"""`heatmark serve` on a registry: by every way the same landmarks, a champion that changes, an end, and what docs tell one to type."""

from __future__ import annotations

import base64
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from pipelines.serving.model import load
from tests.conftest import Project, unused_port
from tests.heatmark.test_registry import registered

__all__ = ["registered"]

ROOT = Path(__file__).parents[2]
CHAMPION = "models:/heatmark-tiny@champion"
ENDED = "serve: ended; what could be answered within 10 s is answered\n"
BOX = [20.0, 24.5, 101.0, 110.0]
# Another version of the same weights, or the champion's alias on another version.
ADD = """
import pathlib
from pipelines.registry import tracking
run = tracking.Run(tracking.connect(), "00000000000000aa", "tiny")
with run.running():
    model, source = tracking.log_model(run, pathlib.Path("model"))
print(tracking.Registry(run.client, "heatmark-tiny").add(source, run, {"test_nme": "0.031", "test_nme_interval": "0.02 to 0.04"}, model))
"""
POINT = """
import sys
from pipelines.registry import tracking
tracking.Registry(tracking.connect(), "heatmark-tiny").point("champion", sys.argv[1])
"""


@contextmanager
def running(project: Project, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`heatmark serve` for a block, and its address; ended after it, if it is not before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "heatmark", "serve", "--model", *words],
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert "http://127.0.0.1:" in said, said
        yield process, said.rpartition(" ")[2].strip()
    finally:
        running = process.poll() is None
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert not running or (0, True) == (process.returncode, rest.endswith(ENDED))


@pytest.fixture(scope="module")
def serving(registered: Project) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with running(registered, CHAMPION, "--port", "0") as both:
        yield both


@pytest.fixture(scope="module")
def server(serving) -> str:
    """The address of one that serves the champion."""
    return serving[1]


@pytest.fixture(scope="module")
def photo(registered: Project) -> Path:
    """photo.jpg where commands are typed: one of the drawn faces, of 160 px."""
    return Path(shutil.copy(registered.root / "faces/two.jpg", registered.root / "photo.jpg"))


@contextmanager
def mlflow_serving(project: Project, command: str, port: int) -> Iterator[None]:
    """MLflow's server by the command of the docs, for a block."""
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{project.root}/runs/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    words = command.replace("5001", str(port)).replace("heatmark-demo", "heatmark-tiny").split()
    with (project.root / "mlflow-serving.log").open("w") as log:
        process = subprocess.Popen(
            words, cwd=project.root, env=project.environment(**store), stdout=log, stderr=log, start_new_session=True
        )
        try:
            while not answers(f"http://127.0.0.1:{port}/ping"):
                assert process.poll() is None, (project.root / "mlflow-serving.log").read_text()
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(60)


def answers(address: str) -> bool:
    try:
        return 200 == httpx.get(address, timeout=5).status_code
    except httpx.HTTPError:
        return False


def commands(page: str, begins: str) -> list[str]:
    """The commands of a page's console blocks that begin so."""
    return re.findall(rf"(?m)^\$ ({begins}.*)$", (ROOT / page).read_text(encoding="utf-8"))


def test_all_ways_of_serving_find_the_same_landmarks(registered, server, photo):
    expected = load(registered.root / "model").find(photo, BOX)
    box = ",".join(map(str, BOX))
    (face,) = httpx.post(f"{server}/predict?box={box}", content=photo.read_bytes()).json()["faces"]
    np.testing.assert_allclose(expected.landmarks[0], face["landmarks"], atol=2e-3)
    np.testing.assert_allclose(expected.confidence[0], face["confidence"], atol=1e-4)
    (command,) = commands("docs/serving.md", "mlflow models serve")
    port = unused_port()
    with mlflow_serving(registered, command, port):
        row = {"image": base64.b64encode(photo.read_bytes()).decode(), "boxes": [BOX]}
        asked = {"dataframe_records": [row, {**row, "boxes": None}]}
        told = httpx.post(f"http://127.0.0.1:{port}/invocations", json=asked, timeout=60).json()["predictions"]
        for line in commands("docs/serving.md", "echo .*base64") + commands("docs/serving.md", "curl .*invocations"):
            by_hand = registered.run("bash", "-euc", line.replace("5001", str(port))).stdout
    np.testing.assert_allclose(expected.landmarks, told[0]["landmarks"], atol=1e-3)
    np.testing.assert_allclose(load(registered.root / "model").find(photo).landmarks, told[1]["landmarks"], atol=1e-3)
    assert '{"predictions": [{"landmarks": [[[' in by_hand


def test_an_exported_file_is_served_as_the_model_itself(registered, photo):
    registered.run("python", "-m", "heatmark", "export", "models:/heatmark-tiny/1", "served.onnx")
    expected = load(registered.root / "model").find(photo, BOX)
    box, body = f"box={','.join(map(str, BOX))}", photo.read_bytes()
    with running(registered, "served.onnx", "--port", "0") as (_, address):
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(httpx.post, f"{address}/predict?{box}", content=body, timeout=60) for _ in range(24)]
            answers = [one.result() for one in asked]
        told, health = httpx.get(f"{address}/model").json(), httpx.get(f"{address}/health").json()
        refused = httpx.post(f"{address}/predict?box=500,500,600,600", content=body)
        faces = re.search(r"(?m)^heatmark_faces_total (\S+)$", httpx.get(f"{address}/metrics").text)
    assert [200] * 24 == [answer.status_code for answer in answers]
    for answer in answers:
        (face,) = answer.json()["faces"]
        np.testing.assert_allclose(expected.landmarks[0], face["landmarks"], atol=0.05)
        np.testing.assert_allclose(expected.confidence[0], face["confidence"], atol=1e-3)
    # The file knows of which version it was made.
    named = {"name": "heatmark-tiny", "version": "1"}
    assert (named, named, None) == (answers[0].json()["model"], health["model"], health["trouble"])
    assert ("heatmark-tiny", "1", "abc", "ibug68") == tuple(
        told[key] for key in ("name", "version", "data_version", "scheme")
    )
    assert (422, "24.0") == (refused.status_code, faces[1])


@pytest.mark.parametrize("page", ["README.md", "docs/serving.md"])
def test_the_commands_of_the_docs_are_answered(registered, server, photo, page):
    typed = [command for command in commands(page, "curl ") if "8080" in command]
    for command in typed:
        said = registered.run("bash", "-euc", command.replace("http://127.0.0.1:8080", server)).stdout
        assert re.search(r'"landmarks":|"status":"ok"|heatmark_requests_total', said), said
    assert {"README.md": 1, "docs/serving.md": 6}[page] == len(typed)


def test_the_readmes_snippet_for_mlflow_gives_a_face_for_each_picture(registered):
    (snippet,) = re.findall(r"```python\n(import mlflow\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    code = snippet.replace("heatmark-demo", "heatmark-tiny") + "\nprint(landmarks.shape)\n"
    store = f"sqlite:///{registered.root}/runs/mlflow.db"
    assert "(2, 68, 2)\n" == registered.run("python", "-c", code, MLFLOW_TRACKING_URI=store).stdout


def test_a_champion_that_changes_takes_over_and_no_request_is_dropped(registered, server, photo):
    seen, ended = [], threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server, timeout=60) as client:
            while not ended.is_set() or seen[-1] != (200, "2"):
                answer = client.post("/predict?whole=true", content=photo.read_bytes())
                seen.append((answer.status_code, answer.json()["model"]["version"]))

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        assert "2\n" == registered.run("python", "-c", ADD).stdout[-2:]
        registered.run("python", "-c", POINT, "2")
        wait_for(lambda: httpx.get(f"{server}/health").json()["model"]["version"] == "2")
        ended.set()
        asking.result(60)
    assert [(200, "1"), (200, "2")] == sorted(set(seen))
    told = httpx.get(f"{server}/model").json()
    assert ("2", 0.031, [0.02, 0.04]) == (told["version"], told["test_nme"], told["test_nme_interval"])


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_version_that_cannot_be_loaded_leaves_the_other_one_at_work(registered, server, photo):
    registered.run("python", "-c", ADD)
    newest = max((registered.root / "runs/mlartifacts/models").iterdir(), key=lambda path: path.stat().st_mtime)
    shutil.rmtree(newest)
    registered.run("python", "-c", POINT, "3")
    wait_for(lambda: httpx.get(f"{server}/health").json()["trouble"] is not None)
    health = httpx.get(f"{server}/health").json()
    assert "2" == health["model"]["version"]
    sentence = f"{CHAMPION} cannot be followed, and heatmark-tiny version 2 goes on answering: heatmark-tiny version 3 "
    assert health["trouble"].startswith(sentence)
    answer = httpx.post(f"{server}/predict?whole=true", content=photo.read_bytes())
    assert (200, "2") == (answer.status_code, answer.json()["model"]["version"])


def test_a_kill_ends_it_in_a_sentence_as_a_ctrl_c_does_and_what_was_asked_is_answered(registered, photo):
    with running(registered, "model", "--port", "0") as (process, address):

        def body() -> Iterator[bytes]:
            yield photo.read_bytes()[:100]
            process.send_signal(signal.SIGTERM)
            time.sleep(1)
            yield photo.read_bytes()[100:]

        assert 200 == httpx.post(f"{address}/predict?whole=true", content=body(), timeout=60).status_code
        said, _ = process.communicate(timeout=60)
    assert (0, ENDED) == (process.returncode, said)


def test_a_model_that_is_not_there_is_a_sentence_before_anything_is_served(registered):
    words = ("serve", "--model", "models:/heatmark-demo@champion", "--port", "0")
    done = registered.run("python", "-m", "heatmark", *words, check=False)
    sentence = "heatmark: no model 'heatmark-demo' is registered; there are: heatmark-tiny\n"
    assert (1, "", sentence) == (done.returncode, done.stdout, done.stderr)


def test_it_listens_on_this_machine_alone(serving, listening):
    assert {"127.0.0.1"} == {one.split(" ")[0] for one in listening(serving[0].pid)}
