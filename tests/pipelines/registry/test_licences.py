"""Licences are those of all faces that a model has learnt from, its parent's too; a policy keeps some from being champion."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.registry import licences as module
from pipelines.registry.gate import Keep
from pipelines.registry.history import History
from pipelines.registry.licences import licences, refusal
from pipelines.registry.promotion import promote
from pipelines.registry.register import register
from pipelines.registry.start import Start
from pipelines.registry.tracking import Registry, connect

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*type hint:UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ([], ""),
        (["unknown"], ""),
        (
            ["research only", "unknown"],
            "it learnt from faces whose licence promotion.refused_licences refuses: research only",
        ),
    ],
)
def test_a_licence_is_refused_by_its_name(refused, reason):
    assert reason == refusal("Apache-2.0; research only", refused)


def test_the_parents_licences_are_the_childs_too(params, store, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROOT", tmp_path)
    client = connect()
    run = client.create_run("0", tags={"licences": "research only; unknown"}).info.run_id
    parent = Start("models:/x@champion", "x version 1", run, "key", "")
    assert "Apache-2.0" == licences(params, None, client)
    assert "Apache-2.0; research only; unknown" == licences(params, parent, client)
    assert "Apache-2.0; unknown" == licences(params, replace(parent, run=""), client)
    (tmp_path / "data" / "synthetic").mkdir(parents=True)
    (tmp_path / "data" / "synthetic" / "licence.txt").write_text("ours alone\n", encoding="utf-8")
    assert "ours alone" == licences(params, None, client)


def test_a_version_with_a_refused_licence_is_kept_without_a_look_at_the_test_faces(evaluated, store):
    registered = register(*evaluated)
    stricter = evaluated.params.promotion.model_copy(update={"refused_licences": ["Apache-2.0"]})
    params = evaluated.params.model_copy(update={"promotion": stricter})
    decision = promote(
        params, registered, evaluated.made / "crops", evaluated.reports / "errors.parquet", evaluated.made / "none"
    )
    assert Keep("it learnt from faces whose licence promotion.refused_licences refuses: Apache-2.0") == decision
    registry = Registry(connect(), registered.model)
    assert {} == registry.aliases()
    assert "Apache-2.0" == registry.tags("1")["licences"]
    assert [("keep", "no")] == [(entry.action, entry.looked) for entry in History(registry).entries()]
