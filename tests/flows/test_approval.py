"""A person is asked on a real Prefect server: what they may answer, and what happens when they do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from flows.approval import Answer, ask
from flows.summary import Summary
from pipelines.registry.register import Registered

REGISTERED = Registered("heatmark-test", "2", "run", "key", new=True)
METRICS = {
    "protocol": {"name": "inter_ocular", "hash": "x", "failure_threshold": 0.1, "auc_threshold": 0.1},
    "num_faces": 14,
    "subsets": {},
    **dict.fromkeys(("nme", "failure_rate", "auc"), 0.03),
    **{f"{name}_interval": [0.02, 0.04] for name in ("nme", "failure_rate", "auc")},
}
SUMMARY = Summary(
    metrics=METRICS, faces_per_s=None, faces_per_s_overall=None, data_version="d", run="r", run_page="", model="heatmark-test", version="2",
    aliases=("challenger",), decision="await approval", reason="better: NME 3%", report="report.html", against="", start="",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def prefect() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


@flow
def asking(hours: float, server: bool = True, decision: str = "await approval") -> Answer | None:
    with temporary_settings({} if server else {PREFECT_API_URL: None}):
        return ask(REGISTERED, replace(SUMMARY, decision=decision), hours)


def paused() -> FlowRun:
    with get_client(sync_client=True) as client:
        while True:
            for run in client.read_flow_runs():
                if run.state_name == "Paused":
                    return run
            time.sleep(0.5)


def answer(run: FlowRun, **words: str) -> SetStateStatus:
    with get_client(sync_client=True) as client:
        return client.resume_flow_run(run.id, run_input=words).status


def test_whoever_answers_says_what_why_and_who_and_nothing_less_is_taken():
    said: list[Answer | None] = []
    thread = threading.Thread(target=lambda: said.append(asking(1)))
    thread.start()
    run = paused()
    assert "approve heatmark-test version 2?" == run.name
    right = {"decision": "reject", "because": "blurred", "by": "ann"}
    for wrong in ({}, {"because": " "}, {"by": ""}, {"decision": "perhaps"}, {"more": "x"}):
        given = {**right, **wrong} if wrong else {}
        assert SetStateStatus.REJECT == answer(run, **given), wrong
    assert SetStateStatus.ACCEPT == answer(run, **right)
    thread.join()
    assert [("reject", "blurred", "ann")] == [(each.decision, each.because, each.by) for each in said if each]
    assert SetStateStatus.ABORT == answer(run, **right)  # it is said once


def test_who_does_not_come_in_time_leaves_it_the_challenger():
    words = "nobody has said within 0.0005 h whether heatmark-test version 2 is to be champion, so it stays the challenger: `heatmark"
    with pytest.raises(ValueError, match=words):
        asking(0.0005)


def test_without_a_page_to_ask_on_the_way_is_said(capsys):
    assert asking(1, server=False) is None
    said = capsys.readouterr().out
    assert "nobody can be asked without a server (PREFECT_API_URL): `heatmark promote 2 --model heatmark-test" in said


@pytest.mark.parametrize("decision", ["promote", "keep", "need more data"])
def test_nobody_is_asked_about_what_is_decided(decision):
    assert asking(1, decision=decision) is None
