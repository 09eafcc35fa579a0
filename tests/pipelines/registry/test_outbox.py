"""What a training tells MLflow waits in a file while MLflow is away, and no message has a password in it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import psutil
import pytest
from mlflow import MlflowClient

from pipelines.registry import tracking
from pipelines.registry.outbox import Outbox
from pipelines.runtime.environment import ROOT

DEAD = "http://127.0.0.1:9"  # nobody listens on port 9


@pytest.fixture
def client(tmp_path, monkeypatch) -> MlflowClient:
    """Of a store of the test's own."""
    monkeypatch.setattr(tracking, "RUNS", tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    tracking.experiment(client, tracking.EXPERIMENT)
    return client


def steps(client: MlflowClient, run: tracking.Run) -> list[int]:
    return [metric.step for metric in client.get_metric_history(run.id, "loss")]


def test_points_wait_in_a_file_while_the_server_is_away_and_are_sent_once_when_it_answers(client, tmp_path, capsys):
    run = tracking.Run(client, "key", "tiny")
    with run.running():
        run.log_point({"loss": 3.0}, 1)
        run.client = MlflowClient(DEAD)  # refuses for real
        run.log_point({"loss": 2.0}, 2)
        run.log_point({"loss": 1.0}, 3)
    said = capsys.readouterr().out
    assert "messages wait in runs/key.outbox.jsonl".replace("runs", tmp_path.name) in said
    assert [2, 3] == [each["step"] for each in Outbox(tmp_path / "key.outbox.jsonl").messages() if "step" in each]
    assert [1] == steps(client, run)
    assert "RUNNING" == client.get_run(run.id).info.status

    later = tracking.Run(client, "key", "tiny")  # the next driver of this training, or the task that registers it
    assert run.id == later.id
    assert [1, 2, 3] == steps(client, run)
    assert "FINISHED" == client.get_run(run.id).info.status
    assert not (tmp_path / "key.outbox.jsonl").exists()


def test_a_resumed_training_repeats_steps_and_its_curves_do_not(client):
    run = tracking.Run(client, "key", "tiny")
    for step in (1, 2, 2, 1, 3):
        run.log_point({"loss": 1.0}, step)
    assert [1, 2, 3] == steps(client, run)


def load(client: MlflowClient, run: tracking.Run) -> dict[str, list]:
    names = [name for name in client.get_run(run.id).data.metrics if name.startswith("system/")]
    return {name: client.get_metric_history(run.id, name) for name in names}


def test_each_point_comes_with_the_load_of_the_machine_by_the_seconds_of_the_run(client, monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.01")
    run = tracking.Run(client, "key", "tiny")
    with run.running():
        run.log_point({"loss": 3.0}, 1)
        until = time.monotonic() + 1.1  # of one second there is one point
        while time.monotonic() < until:
            pass
        run.client = MlflowClient(DEAD)
        run.log_point({"loss": 2.0}, 2)
    found = load(client, tracking.Run(client, "key", "tiny"))
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= found.keys()
    began = client.get_run(run.id).info.start_time
    for points in found.values():
        assert 2 == len(points)
        assert all((point.timestamp - began) // 1000 == point.step for point in points)
    assert 0 < found["system/cpu_utilization_percentage"][-1].value <= 100
    total = psutil.virtual_memory().total / 1e6
    assert all(0 < point.value < total for point in found["system/system_memory_usage_megabytes"])
    assert [] == [thread.name for thread in threading.enumerate() if thread.name == "load" and thread.is_alive()]


def test_on_a_cluster_the_drivers_load_is_not_told(client, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    run = tracking.Run(client, "key", "tiny")
    with run.running():
        run.log_point({"loss": 3.0}, 1)
    assert {} == load(client, run)


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED"), (ValueError, "FAILED")]
)
def test_a_stopped_training_s_run_ends_as_killed_and_a_broken_one_as_failed(client, error, status):
    run = tracking.Run(client, "key", "tiny")
    with pytest.raises(error), run.running():
        raise error
    assert status == client.get_run(run.id).info.status


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path):
    outbox = Outbox(tmp_path / "outbox")
    outbox.add({"step": 1})
    with outbox.path.open("a") as file:
        file.write('{"step": 2')
    assert [{"step": 1}] == outbox.messages()


def test_a_store_that_fails_is_one_sentence_without_the_password(client, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(ValueError, match="does not answer") as told, tracking.answering():
        MlflowClient(DEAD).get_experiment_by_name("heatmark")
    assert "secret" not in str(told.value)


def test_mlflow_gets_user_and_password_by_variables_so_that_its_messages_have_none(monkeypatch):
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
    assert "https://host:5000/mlflow" == tracking._address("https://me:pa%40ss@host:5000/mlflow")
    assert ("me", "pa@ss") == (os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"])
    for plain in ("http://host:5000", "sqlite:////runs/mlflow.db"):
        assert plain == tracking._address(plain)


def test_an_error_that_nobody_caught_is_shown_without_secrets():
    script = (
        "from pipelines.runtime.secrets import hide_in_tracebacks; hide_in_tracebacks();"
        "raise RuntimeError('http://me:secret@host/api failed')"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert 1 == done.returncode
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("RuntimeError: http://host/api failed\n")
