"""A version's card: computed from its run, its files and the registry, at registration and whenever it is asked for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.registry import decisions, links, model_card, pictured
from pipelines.registry.model_card import Known, description, limits, markdown, sections, show
from pipelines.registry.register import AGAINST, register
from pipelines.registry.tracking import Registry, connect
from tests.pipelines.registry.conftest import TINY, stored_in

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*type hint:UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)


@pytest.fixture(scope="module")
def registry(evaluated, tmp_path_factory) -> Iterator[Registry]:
    """With one version, the champion, and the params that it was made with."""
    with stored_in(tmp_path_factory.mktemp("store")):
        registered = register(*evaluated)
        registry = Registry(connect(), registered.model)
        params = Path(shutil.copy(TINY, tmp_path_factory.mktemp("params") / "params.yaml"))
        registry.client.log_artifact(registered.run, str(params), "provenance")
        decisions.promote(registry, "1", "the [first]", "ann")
        yield registry


@pytest.fixture(scope="module")
def known(registry) -> Known:
    return Known.of(registry, "1")


@pytest.fixture(scope="module")
def against(registry, known) -> str:
    return links.artifact(links.of_run(registry.client, known.tags["run_id"]), f"evaluation/{AGAINST}")


def test_mlflows_pages_say_what_the_model_and_the_version_are(registry, known, against):
    model = registry.client.get_registered_model(registry.name)
    assert "68 landmarks of scheme `ibug68`, made by the recipe `tiny`" in model.description
    assert {"scheme": "ibug68", "recipe": "tiny"} == model.tags
    version = registry.client.get_model_version(registry.name, "1")
    # Later decisions are shown by tags and aliases; the description is that of the registration.
    said = description(known, against)
    assert said == version.description
    assert re.match(
        r"NME \d+\.\d\d% \(.*\), 4 test faces\n\n\[Against the champion\]\(#/experiments/\S+\.html\)\n\n## What it is\n\nIt finds the 68",
        said,
    )


def test_the_runs_page_says_the_same_and_which_data_it_learnt_from(registry, known, against):
    run = registry.client.get_run(known.tags["run_id"])
    assert description(known, against) == run.data.tags["mlflow.note.content"]
    (data,) = run.inputs.dataset_inputs
    assert ("synthetic", "dvc") == (data.dataset.name, data.dataset.source_type)
    assert known.tags["data.synthetic"].startswith(data.dataset.digest)


def test_registering_again_describes_nothing_twice(registry, evaluated, known):
    before = registry.client.get_model_version(registry.name, "1").description
    register(*evaluated)
    assert before == registry.client.get_model_version(registry.name, "1").description
    assert 1 == len(registry.client.get_run(known.tags["run_id"]).inputs.dataset_inputs)


def test_its_three_lines_of_code_find_the_landmarks_of_a_picture(registry, known, tmp_path, monkeypatch):
    from components.images import encode_jpeg

    (tmp_path / "photo.jpg").write_bytes(encode_jpeg(np.full((300, 300, 3), 90, np.uint8), 90))
    monkeypatch.chdir(tmp_path)
    code = model_card.how_to_use(known).code
    assert 3 == len(code.splitlines())
    scope: dict = {}
    exec(code, scope)
    assert (1, 68, 2) == scope["faces"].landmarks.shape


def test_its_numbers_are_the_evaluations_with_their_intervals(known):
    good = model_card.how_good(known)
    assert ("test faces", "number", "NME", "FR@10%", "AUC@10%") == good.header
    name, number, nme, *_ = good.rows[0]
    low, high = known.metrics["nme_interval"]
    assert ("all", "4") == (name, number)
    assert f"{100 * known.metrics['nme']:.2f}% ({100 * low:.2f}–{100 * high:.2f})" == nme


def test_its_limits_are_facts_of_its_own_training(known):
    said = limits(known).text
    assert "It was measured on 4 faces of synthetic; of faces of another kind its numbers say nothing." in said
    assert "All faces that it was trained and measured on are drawn: it was never measured on a photograph." in said


@pytest.mark.parametrize(
    ("datasets", "tags"),
    [({"300w": {"reader": "300w", "held_out": True}}, {}), (None, {"start": "heatmark-old version 1"})],
)
def test_what_learnt_from_photographs_or_may_have_is_not_said_to_know_drawn_faces_only(known, datasets, tags):
    other = replace(known, datasets=datasets or known.datasets, tags={**known.tags, **tags})
    assert not [said for said in limits(other).text if "drawn" in said]


def test_the_worst_subset_is_named(known):
    figures = {name: known.metrics[name] for name in known.metrics if name.startswith(("nme", "failure", "auc", "num"))}
    subsets = {"blur": {**figures, "nme": 0.02}, "pose": {**figures, "nme": 0.0661}}
    said = limits(replace(known, metrics={**known.metrics, "subsets": subsets})).text
    assert "Of the subsets, it is worst on pose: NME 6.61%." in said


def test_its_runs_page_is_linked_where_a_server_shows_it(known):
    assert "http" not in markdown(known.title, sections(known))
    linked = replace(known, run_page="http://mlflow:5000/#/experiments/1/runs/2")
    assert "| the run's page | http://mlflow:5000/#/experiments/1/runs/2 |" in markdown(linked.title, sections(linked))


def test_the_page_has_decisions_time_and_the_worst_faces_with_pictures(registry, evaluated, tmp_path, monkeypatch):
    shutil.copytree(evaluated.made / "crops", tmp_path / "artifacts" / "tiny" / "crops")
    monkeypatch.setattr(pictured, "ROOT", tmp_path)
    show(registry, "1", tmp_path / "card.html")
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    assert "@champion, written " in page
    assert re.search(r"promote 1</td><td>ann</td><td>the \[first\]</td>", page)
    assert re.search(r"\d+ ms a face, one at a time, .* the mean of 4 of its test faces", page)
    assert 4 == page.count("data:image/jpeg;base64,")


def test_without_the_crops_the_worst_faces_are_named_and_it_is_said_why(registry, tmp_path, monkeypatch):
    monkeypatch.setattr(pictured, "ROOT", tmp_path)
    show(registry, "1", tmp_path / "card.html")
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    assert "crops/synthetic has no test shards" in page
    assert 0 == page.count("<img")


def test_without_a_pages_name_it_is_printed_in_80_columns(registry, capsys):
    show(registry, "1", None)
    said = capsys.readouterr().out
    assert "heatmark-tiny version 1" in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_version_that_is_not_there_is_refused_with_those_that_are(registry, tmp_path):
    with pytest.raises(ValueError, match=r"^heatmark-tiny has no version 7; it has: @champion, version 1$"):
        show(registry, "7", tmp_path / "card.html")
    assert not (tmp_path / "card.html").exists()
