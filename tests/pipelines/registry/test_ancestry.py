"""The chain of a version: what made it, what was decided, what came of it."""

from __future__ import annotations

import mlflow
import pytest
from rich.console import Console

from pipelines.registry import decisions
from pipelines.registry.ancestry import tree
from pipelines.registry.tracking import KEY_TAG, Registry

FIRST = {KEY_TAG: "aaaa", "run_id": "r1", "data_version": "d1", "git_commit": "c1+changes", "test_nme": "0.0312"}
SECOND = {KEY_TAG: "bbbb", "run_id": "r2", "data_version": "d2", "git_commit": "c2", "flow_run": "sly-fox (f2)"}
START = {"start": "heatmark-old version 1 (training aaaa, weights 12)", "start.source": "heatmark-old version 1"}


@pytest.fixture(scope="module")
def registries(tmp_path_factory) -> tuple[Registry, Registry]:
    """Version 1 of one model, which is champion, and version 1 of another that started from it."""
    folder = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri, uri)
    old, new = Registry(client, "heatmark-old"), Registry(client, "heatmark-new")
    client.create_model_version(old.name, f"file://{folder}", tags=FIRST)
    client.create_model_version(new.name, f"file://{folder}", tags={**SECOND, **START, "start.key": "aaaa"})
    decisions.promote(old, "1", "the [first]", "ann")
    return old, new


def shown(registry: Registry) -> list[str]:
    """The tree's lines, without its branches."""
    console = Console(width=200)
    with console.capture() as captured:
        console.print(tree(registry, "1"))
    return [line.strip(" │├└─") for line in captured.get().splitlines()]


def test_a_version_shows_what_made_it_and_what_came_of_it(registries):
    lines = shown(registries[0])
    assert "heatmark-old version 1, @champion, NME 3.12%" == lines[0]
    assert "training: aaaa, MLflow run r1" in lines
    assert "flow run: not written down" in lines
    assert "data: version d1" in lines
    assert "code: commit c1, changed by provenance/changes.diff of the run" in lines
    assert lines[-2:] == ["led to", "heatmark-new version 1"]


def test_what_was_decided_stands_with_who_and_why_as_it_was_typed(registries):
    (line,) = [line for line in shown(registries[0]) if "promote 1" in line]
    assert line.endswith("promote 1, by ann: the [first]")


def test_below_a_version_stands_what_made_the_model_that_it_started_from(registries):
    lines = shown(registries[1])
    own, parents = lines.index("training: bbbb, MLflow run r2"), lines.index("training: aaaa, MLflow run r1")
    assert own < lines.index(f"started from {START['start']}") < parents
    assert "flow run: sly-fox (f2)" in lines
    assert lines[-4:] == ["decided", "nothing yet", "led to", "no other version started from it"]


def test_a_version_that_is_not_there_is_refused_with_those_that_are(registries):
    with pytest.raises(ValueError, match="heatmark-old has no version 7; it has: @champion, version 1"):
        tree(registries[0], "7")
