"""MLflow's server dies in the middle of a training: that goes on, its curves wait in a file, and they arrive later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import unused_port

pytestmark = pytest.mark.faults

TRAIN = ("python", "-m", "pipelines.train", "artifacts/tiny/crops", "artifacts/tiny/model", "reports/tiny/curves.csv")


def server(folder: Path, port: int) -> subprocess.Popen:
    """MLflow's server over a store in the folder, once it answers."""
    store = [
        "--backend-store-uri",
        f"sqlite:///{folder}/server.db",
        "--default-artifact-root",
        (folder / "kept").as_uri(),
    ]
    words = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        *store,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
        except OSError:
            assert process.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.5)
        else:
            return process


def kill(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_training_outlives_its_server_and_its_curves_arrive_when_that_is_back(trainable, tmp_path):
    port = unused_port()
    address = {"MLFLOW_TRACKING_URI": f"http://me:secret@127.0.0.1:{port}"}
    first = server(tmp_path, port)
    said = []
    with subprocess.Popen(
        TRAIN, cwd=trainable.root, env=trainable.environment(**address), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    ) as process:  # fmt: skip
        for line in process.stdout:
            said.append(line)
            if sum(earlier.startswith("train: epoch") for earlier in said) == 3 and first.poll() is None:
                kill(first)
    text = "".join(said)
    assert 0 == process.returncode, text
    assert f"mlflow: the MLflow server http://127.0.0.1:{port} does not answer (ConnectionError): start it, or" in text
    assert "; a later retraining delivers them, too\n" in text
    assert text.count("train: epoch") == 12
    assert (trainable.root / "artifacts/tiny/model/model.safetensors").is_file()
    (outbox,) = trainable.root.glob("runs/*.outbox.jsonl")

    refused = trainable.run(*TRAIN, check=False, **address)
    assert 1 == refused.returncode
    assert refused.stderr.startswith(f"train: the MLflow server http://127.0.0.1:{port} does not answer")
    assert outbox.exists()

    second = server(tmp_path, port)
    again = trainable.run(*TRAIN, **address)
    kill(second)
    assert "train: epoch" not in again.stdout
    client = MlflowClient(f"sqlite:///{tmp_path}/server.db")
    (run,) = client.search_runs([client.get_experiment_by_name("heatmark").experiment_id])
    assert "FINISHED" == run.info.status
    for name in ("loss", "val_nme", "faces_per_s"):
        assert 12 == len(client.get_metric_history(run.info.run_id, name))
    assert not outbox.exists()
    assert "secret" not in text + refused.stdout + refused.stderr + again.stdout + again.stderr
