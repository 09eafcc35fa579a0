"""What follows from a decision; a crash anywhere leaves one champion and its reason, and of two at once one is told."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest

from pipelines.registry import decisions
from pipelines.registry.decisions import carry_out, recover
from pipelines.registry.history import Entry, History
from pipelines.registry.tracking import Registry

MODEL = "heatmark-test"
WRITES = (
    "create_run",
    "set_registered_model_alias",
    "set_model_version_tag",
    "delete_registered_model_alias",
    "set_tag",
    "set_terminated",
)
BETTER = Entry(MODEL, "2", "promote", "better", champion="1", looked="yes")


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    """A real registry in SQLite, with three versions; the first is champion. Its tables take seconds to make, a copy none."""
    folder = tmp_path_factory.mktemp("registry")
    registry = open_registry(folder / "mlflow.db")
    for _ in range(3):
        registry.client.create_model_version(MODEL, f"file://{folder}")
    registry.point("champion", "1")
    registry.point("challenger", "2")
    return folder / "mlflow.db"


@pytest.fixture
def registry(database, tmp_path) -> Registry:
    return open_registry(Path(shutil.copy(database, tmp_path)))


def open_registry(path: Path) -> Registry:
    uri = f"sqlite:///{path}"
    return Registry(mlflow.MlflowClient(uri, uri), MODEL)


def said(registry: Registry) -> list[tuple[str, str, str]]:
    return [(entry.action, entry.version, entry.state) for entry in History(registry).entries(state=None)]


def test_promoting_moves_the_aliases_and_notes_the_reason(registry):
    carry_out(BETTER, registry)
    assert registry.aliases() == {"champion": "2", "previous": "1"}
    tags = registry.tags("2")
    assert ("promote", "better", "the retraining flow", "1") == tuple(
        tags[name] for name in ("decision", "reason", "decided_by", "decided_against")
    )
    assert [("promote", "2", "done")] == said(registry)


@pytest.mark.parametrize("word", ["keep", "need more data"])
def test_keeping_moves_nothing_but_the_challenger(registry, word):
    carry_out(Entry(MODEL, "2", word, "worse", champion="1"), registry)
    assert registry.aliases() == {"champion": "1"}
    assert (word, "worse") == (registry.tags("2")["decision"], registry.tags("2")["reason"])


def test_rolling_back_puts_the_former_champion_back_and_marks_the_other(registry):
    carry_out(BETTER, registry)
    decisions.roll_back(registry, None, "blurred in the field", "ann")
    assert registry.aliases() == {"champion": "1"}
    assert ("rolled back", "blurred in the field", "ann") == tuple(
        registry.tags("2")[name] for name in ("decision", "reason", "decided_by")
    )
    assert ("promote", "blurred in the field") == (registry.tags("1")["decision"], registry.tags("1")["reason"])
    assert [("roll back", "1", "done"), ("promote", "2", "done")] == said(registry)
    with pytest.raises(
        ValueError, match="heatmark-test has no previous champion to go back to; name a version by --to"
    ):
        decisions.roll_back(registry, None, "again", "ann")
    decisions.roll_back(registry, "3", "an older one", "ann")
    assert "3" == registry.aliases()["champion"]


def test_a_person_promotes_whatever_the_gate_said(registry):
    carry_out(Entry(MODEL, "2", "keep", "worse", champion="1"), registry)
    decisions.promote(registry, "2", "faster", "ann")
    assert registry.aliases() == {"champion": "2", "previous": "1"}
    assert ("promote", "faster", "ann") == tuple(
        registry.tags("2")[name] for name in ("decision", "reason", "decided_by")
    )


def test_a_retired_version_loses_its_aliases(registry):
    carry_out(BETTER, registry)
    decisions.retire(registry, "1", "research only", "ann")
    assert registry.aliases() == {"champion": "2"}
    assert "retired" == registry.tags("1")["decision"]


AWAITED = replace(BETTER, action="await approval")


def test_a_version_that_awaits_approval_is_checked_and_stays_challenger(registry):
    carry_out(AWAITED, registry)
    assert registry.aliases() == {"champion": "1", "challenger": "2"}
    assert ("await approval", "better", "1") == tuple(
        registry.tags("2")[name] for name in ("decision", "reason", "decided_against")
    )
    assert "checked" in registry.tags("2")
    assert 1 == History(registry).looks(365)


def test_who_was_asked_decides_and_is_named(registry):
    carry_out(AWAITED, registry)
    assert decisions.answer(registry, "2", True, "looked at the worst faces", "ann") is not None
    assert registry.aliases() == {"champion": "2", "previous": "1"}
    assert ("promote", "looked at the worst faces", "ann") == tuple(
        registry.tags("2")[name] for name in ("decision", "reason", "decided_by")
    )
    assert [("promote", "2", "done"), ("await approval", "2", "done")] == said(registry)


def test_what_was_rejected_leaves_the_champion_and_is_decided_against(registry):
    carry_out(AWAITED, registry)
    assert decisions.answer(registry, "2", False, "worse on glasses", "ann") is not None
    assert registry.aliases() == {"champion": "1"}
    assert "rejected" == registry.tags("2")["decision"]
    assert registry.tags("2")["decision"] in decisions.AGAINST
    assert [("reject", "2", "done"), ("await approval", "2", "done")] == said(registry)


@pytest.mark.parametrize("meanwhile", ["promote 3", "retire 2"])
def test_an_answer_to_what_is_not_the_question_any_more_changes_nothing(registry, meanwhile):
    carry_out(AWAITED, registry)
    decide = decisions.promote if meanwhile.startswith("promote") else decisions.retire
    decide(registry, meanwhile[-1], "quicker", "bob")
    before = registry.aliases()
    for approved in (True, False):
        assert decisions.answer(registry, "2", approved, "fine", "ann") is None
    assert before == registry.aliases()


@pytest.mark.parametrize(
    ("decide", "words"),
    [
        (
            lambda registry: decisions.promote(registry, "1", "x", "ann"),
            "heatmark-test version 1 is the champion already",
        ),
        (lambda registry: decisions.promote(registry, "9", "x", "ann"), "heatmark-test has no version 9; it has: "),
        (lambda registry: decisions.promote(registry, "2", " ", "ann"), "a decision needs its reason: --because"),
        (
            lambda registry: decisions.retire(registry, "1", "x", "ann"),
            "heatmark-test version 1 is the champion; roll back",
        ),
        (
            lambda registry: decisions.roll_back(registry, "1", "x", "ann"),
            "heatmark-test version 1 is the champion already",
        ),
    ],
)
def test_what_cannot_be_decided_is_refused_and_leaves_no_trace(registry, decide, words):
    before = registry.aliases(), registry.tags("1")
    with pytest.raises(ValueError, match=words):
        decide(registry)
    assert before == (registry.aliases(), registry.tags("1"))
    assert [] == said(registry)


def test_the_history_outlives_a_version_and_counts_looks(registry):
    carry_out(BETTER, registry)
    carry_out(Entry(MODEL, "3", "keep", "worse", champion="2", looked="yes"), registry)
    decisions.retire(registry, "3", "no use", "ann")
    registry.client.delete_model_version(MODEL, "3")
    assert [("retire", "3", "done"), ("keep", "3", "done"), ("promote", "2", "done")] == said(registry)
    assert 2 == History(registry).looks(365)
    assert 0 == History(registry).looks(0)


def crashing(registry: Registry, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Whatever is written to the registry after so many writes is not, and the process is gone with a KeyboardInterrupt."""
    calls = iter(range(after))
    for name in WRITES:
        real = getattr(registry.client, name)

        def write(*args, real=real, **options):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return real(*args, **options)

        monkeypatch.setattr(registry.client, name, write)


@pytest.mark.parametrize("after", range(14))
@pytest.mark.parametrize("action", ["promote", "roll back"])
def test_a_crash_at_any_write_leaves_one_champion_and_the_next_decision_ends_what_was_begun(
    registry, monkeypatch, action, after
):
    registry.point("previous", "3")
    entry = replace(BETTER, action=action)
    with monkeypatch.context() as patched:
        crashing(registry, patched, after)
        try:
            carry_out(entry, registry)
        except KeyboardInterrupt:
            cut_short = True
        else:
            cut_short = False
    moved = registry.aliases()["champion"] == "2"
    recover(registry, History(registry))
    tags, aliases = registry.tags("2"), registry.aliases()
    if moved:
        assert aliases == ({"champion": "2", "previous": "1"} if action == "promote" else {"champion": "2"})
        assert ("promote", "better") == (tags["decision"], tags["reason"])
        assert [(action, "2", "done")] == said(registry)
    else:
        assert cut_short
        assert {"champion": "1", "previous": "3", "challenger": "2"} == aliases
        assert "decision" not in tags
        carry_out(entry, registry)
        assert "2" == registry.aliases()["champion"]


def test_every_crash_was_tried(registry, monkeypatch):
    """With one write more than the test above allows, nothing is cut short any more."""
    registry.point("previous", "3")
    for action in ("promote", "roll back"):
        champion = registry.aliases()["champion"]
        with monkeypatch.context() as patched:
            crashing(registry, patched, 14)
            carry_out(
                replace(BETTER, action=action, version="2" if champion == "1" else "1", champion=champion), registry
            )


TWO = """
    import sys, mlflow
    from pipelines.registry import decisions
    from pipelines.registry.tracking import Registry
    uri, version = sys.argv[1:]
    registry = Registry(mlflow.MlflowClient(uri, uri), "heatmark-test")
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        decisions.promote(registry, version, f"for {version}", "ann")
    except ValueError as error:
        print("refused:", error)
    else:
        print("done")
"""


def test_of_two_at_once_one_wins_and_the_other_is_told(registry):
    uri = registry.client.tracking_uri
    words = [sys.executable, "-c", textwrap.dedent(TWO), uri]
    racers = [
        subprocess.Popen([*words, version], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for version in ("2", "3")
    ]
    for racer in racers:
        assert "ready\n" == racer.stdout.readline()
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = [racer.communicate(timeout=120)[0] for racer in racers]
    won = [version for version, words in zip(("2", "3"), told, strict=True) if words == "done\n"]
    assert 1 == len(won), told
    (refusal,) = [words for words in told if words != "done\n"]
    assert refusal.startswith(
        ("refused: another decision about heatmark-test", "refused: meanwhile the champion of heatmark-test")
    )
    assert registry.aliases() == {"champion": won[0], "previous": "1"} | ({} if won == ["2"] else {"challenger": "2"})


def test_a_decision_that_is_under_way_elsewhere_is_waited_for_or_said(registry):
    history = History(registry)
    elsewhere = {"heatmark.where": "another-machine:1", "heatmark.model": MODEL, "heatmark.state": "pending"}
    run = registry.client.create_run(
        history.experiment,
        tags={**elsewhere, "heatmark.action": "promote", "heatmark.version": "3", "heatmark.by": "bob"},
    )
    registry.client.set_tag(run.info.run_id, "heatmark.champion", "1")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.registry.history.WAIT_S", 1)
        with pytest.raises(
            ValueError, match=r"is carried out just now .promote version 3, by bob on another-machine:1.: look at"
        ):
            carry_out(BETTER, registry)
    assert "1" == registry.aliases()["champion"]


def test_what_changed_meanwhile_is_decided_again(registry):
    with pytest.raises(ValueError, match="meanwhile the champion of heatmark-test has become another one than 3"):
        carry_out(replace(BETTER, champion="3"), registry)
    assert registry.aliases() == {"champion": "1", "challenger": "2"}
    assert [("promote", "2", "withdrawn")] == said(registry)
