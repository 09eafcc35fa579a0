"""Who is told what became of a retraining: by a real webhook block of a real Prefect server, to a real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prefect import flow
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import Secret
from prefect.testing.utilities import prefect_test_harness

from flows.notify import require_block, tell, tell_failure


class Webhook:
    """What was posted, and what is answered."""

    def __init__(self) -> None:
        self.posted: list[dict] = []
        self.status = 200


@pytest.fixture(scope="module")
def prefect() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def webhook(prefect, monkeypatch) -> Iterator[Webhook]:
    """A server that is told; HEATMARK_NOTIFY names the block that posts to it."""
    told = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(told.status)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        CustomWebhookNotificationBlock(
            name="team",
            url=f"http://127.0.0.1:{server.server_port}/hooks/s3cret",
            json_data={"title": "{{subject}}", "text": "{{body}}"},
        ).save("team", overwrite=True)
        monkeypatch.setenv("HEATMARK_NOTIFY", "custom-webhook/team")
        yield told
        server.shutdown()
        thread.join()


@flow
def telling(subject: str, body: str) -> str:
    require_block()
    tell(subject, body)
    return "done"


@flow(on_failure=[tell_failure], flow_run_name="retrain by demo.yaml")
def failing() -> None:
    raise ValueError("data/wflw is missing; https://me:secret@example.org/x?token=1 had it")


def test_it_is_told_without_the_secrets_of_addresses(webhook, capsys):
    assert "done" == telling("heatmark-demo: promote", "start: https://me:secret@example.org/x?token=1")
    assert [{"title": "heatmark-demo: promote", "text": "start: https://example.org/x?..."}] == webhook.posted
    assert "notify: custom-webhook/team was told 'heatmark-demo: promote'" in capsys.readouterr().out


def test_a_failure_is_told_with_its_sentence(webhook):
    with pytest.raises(ValueError, match="data/wflw is missing"):
        failing()
    expected = {"title": "failing failed: retrain by demo.yaml"}
    expected["text"] = "ValueError: data/wflw is missing; https://example.org/x?... had it"
    assert [expected] == webhook.posted


def test_a_notification_that_fails_is_said_without_its_address_and_nothing_else_fails(webhook, capsys):
    webhook.status = 500
    assert "done" == telling("heatmark-demo: keep", "worse")
    said = capsys.readouterr().out
    assert "notify: custom-webhook/team could not tell 'heatmark-demo: keep': HTTPStatusError 500" in said
    assert "s3cret" not in said


def test_without_a_name_nobody_is_told(webhook, monkeypatch):
    monkeypatch.delenv("HEATMARK_NOTIFY")
    assert "done" == telling("heatmark-demo: keep", "worse")
    assert [] == webhook.posted


@pytest.mark.parametrize("name", ["custom-webhook/nobody", "nonsense", "nonsense/x"])
def test_a_block_that_is_not_there_is_refused_before_the_work(webhook, monkeypatch, name):
    monkeypatch.setenv("HEATMARK_NOTIFY", name)
    with pytest.raises(ValueError, match=f"HEATMARK_NOTIFY={name} names no block of this Prefect server: make one"):
        telling("x", "y")


def test_a_block_that_cannot_notify_is_refused(webhook, monkeypatch):
    Secret(value="x").save("token", overwrite=True)
    monkeypatch.setenv("HEATMARK_NOTIFY", "secret/token")
    with pytest.raises(ValueError, match="HEATMARK_NOTIFY=secret/token is no notification block, but a Secret"):
        telling("x", "y")
