"""The page that holds a version against the champion: the gate's own numbers, on the same faces, and kept with the run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.params import Params
from pipelines.registry import pictured
from pipelines.registry.against import held_against, write_against
from pipelines.registry.gate import Decision, Keep, decide
from pipelines.registry.promotion import champion_errors, known_errors, measured
from pipelines.registry.register import AGAINST, Registered, register
from pipelines.registry.tracking import Registry, connect, fetch
from pipelines.runtime.tables import read_table
from tests.pipelines.registry.conftest import Evaluated, evaluate_untrained, stored_in

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*type hint:UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)


@pytest.fixture(scope="module")
def policy(params: Params) -> Params:
    """Untrained models are far beyond any limit; which of two is better is still to be seen."""
    lenient = {"max_nme": 100.0, "seed_spread": 0.02}
    return params.model_copy(update={"promotion": params.promotion.model_copy(update=lenient)})


@pytest.fixture(scope="module")
def second(params: Params, tmp_path_factory) -> Evaluated:
    return evaluate_untrained(params, tmp_path_factory.mktemp("second"), seed=3, key="fedcba9876543210")


@pytest.fixture(scope="module")
def both(evaluated, second, tmp_path_factory) -> Iterator[Registered]:
    """Version 2, an untrained model of another seed than version 1."""
    with stored_in(tmp_path_factory.mktemp("store")):
        register(*evaluated)
        yield register(*second)


@pytest.fixture
def registered(both, second, tmp_path: Path, monkeypatch) -> Registered:
    """Version 2; version 1 is champion, and the checkout holds the crops of both."""
    checked_out(second, tmp_path / "root", monkeypatch)
    Registry(connect(), both.model).point("champion", "1")
    return both


def checked_out(evaluated: Evaluated, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(evaluated.made / "crops", root / "artifacts" / "tiny" / "crops")
    monkeypatch.setattr(pictured, "ROOT", root)


def gate(policy: Params, evaluated, second) -> Decision:
    theirs, ours = (measured(read_table(each.reports / "errors.parquet")) for each in (evaluated, second))
    return decide(theirs.nme, ours, policy.promotion)


def page_of(registered: Registered, reports: Path, tmp_path: Path) -> str:
    """Of the run; the one beside the report is the same."""
    kept = fetch(connect(), registered.run, f"evaluation/{AGAINST}", tmp_path)
    assert kept is not None
    page = kept.read_text(encoding="utf-8")
    assert page == (reports / AGAINST).read_text(encoding="utf-8")
    return page


def test_the_page_has_the_gates_own_numbers_and_both_versions_faces(registered, policy, evaluated, second, tmp_path):
    decision = gate(policy, evaluated, second)
    assert "held against version 1" == write_against(policy, registered, decision, second.reports, tmp_path / "none")
    page = page_of(registered, second.reports, tmp_path)
    assert "heatmark-tiny: version 2 against version 1" in page
    assert f"<p>{decision.word.capitalize()}: {decision.reason}.</p>" in page.replace("&#39;", "'")
    low, high = re.findall(r"interval ([-+][\d.]+)% to ([-+][\d.]+)%", decision.reason)[0]
    shown = re.findall(r"95% interval ([-+][\d.]+)% to ([-+][\d.]+)%", page)[-1]
    assert [float(low), float(high)] == pytest.approx([float(end) for end in shown], abs=0.0051)
    assert "over what equal trainings differ by" in page
    assert "<code>heatmark history</code> tells what was decided since." in page
    assert {"1", "2"} == set(re.findall(r'alt="\S+ by version (\d)', page))
    assert 8 == page.count("data:image/jpeg;base64,")


def test_of_the_first_version_it_says_that_there_was_none_to_compare_with(registered, policy, second, tmp_path):
    Registry(connect(), registered.model).point("champion", "2")
    said = write_against(policy, registered, Keep("why"), second.reports, tmp_path / "none")
    assert "no champion to hold it against" == said
    assert "There is no champion before it to compare with." in page_of(registered, second.reports, tmp_path)


def test_of_the_champion_it_shows_the_one_in_whose_place_it_came_while_that_is_there(registered):
    registry = Registry(connect(), registered.model)
    assert "1" == held_against(registry, "2")
    registry.point("champion", "2")
    registry.tag("2", {"decided_against": "1"})
    assert "1" == held_against(registry, "2")
    registry.tag("2", {"decided_against": "9"})
    assert "" == held_against(registry, "2")


def test_a_page_of_another_version_beside_the_report_is_not_kept_with_a_run(registered, policy, second, tmp_path):
    write_against(policy, registered, Keep("why"), second.reports, tmp_path / "none")
    (second.reports / AGAINST).write_text("of another version", encoding="utf-8")
    register(*second)
    kept = fetch(connect(), registered.run, f"evaluation/{AGAINST}", tmp_path)
    assert kept is not None
    assert "Keep: why." in kept.read_text(encoding="utf-8")


def test_on_other_faces_the_champion_is_measured_once_and_the_page_shows_those_errors(
    registered, policy, params, tmp_path, monkeypatch, local_ray
):
    (tmp_path / "third").mkdir()
    third = evaluate_untrained(params, tmp_path / "third", seed=4, key="00000000ffffffff", num_faces=6)
    checked_out(third, tmp_path / "new", monkeypatch)
    found, errors, kept = register(*third), read_table(third.reports / "errors.parquet"), tmp_path / "champion.parquet"
    registry = Registry(connect(), found.model)
    unknown = "not held against version 1, whose errors on these faces are not known"
    assert unknown == write_against(policy, found, Keep("why"), third.reports, kept)
    assert "The errors of version 1, the champion, on these test faces are not known" in page_of(
        found, third.reports, tmp_path
    )

    again = champion_errors(policy, registry, "1", third.made / "crops", errors, kept)
    assert again.column("nme").equals(known_errors(policy, registry, "1", errors, kept).column("nme"))
    assert "held against version 1" == write_against(policy, found, Keep("why"), third.reports, kept)
    assert "The same 6 test faces by either version" in page_of(found, third.reports, tmp_path)
    # Another version's, or by another protocol: they are not these.
    assert known_errors(policy, registry, "2", errors, kept) is None
    mirrored = policy.model_copy(update={"evaluate": policy.evaluate.model_copy(update={"mirrored": True})})
    assert known_errors(mirrored, registry, "1", errors, kept) is None
