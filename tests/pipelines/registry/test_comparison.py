"""Two versions face by face: what differs, shown as numbers and as pictures, and only where they compare."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.pages.changes import cells
from pipelines.registry import pictured
from pipelines.registry.comparison import Pair, rows, write_page
from pipelines.registry.register import register
from pipelines.registry.tracking import Registry, connect
from pipelines.runtime.tables import read_table
from tests.pipelines.registry.conftest import TINY, stored_in

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*type hint:UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)


@pytest.fixture(scope="module")
def registry(evaluated, tmp_path_factory) -> Iterator[Registry]:
    """With one version."""
    with stored_in(tmp_path_factory.mktemp("store")):
        register(*evaluated)
        yield Registry(connect(), "heatmark-tiny")


@pytest.fixture
def pair(evaluated) -> Pair:
    """Version 2 is half a per cent better on the first face, and a whole one worse on the second."""
    errors = read_table(evaluated.reports / "errors.parquet")
    nme = errors.column("nme").to_numpy() + np.array([-0.005, 0.01, 0, 0], np.float32)
    at = errors.schema.get_field_index("nme")
    second = errors.set_column(at, "nme", pa.array(nme))
    return Pair("heatmark-tiny", ("1", "2"), "p:1", 0.1, (errors, second), "run")


def test_a_version_compares_with_itself_and_differs_by_nothing(registry):
    pair = Pair.of(registry, "1", "1")
    (row,) = map(cells, rows(pair))
    assert ("all", "4", "+0.00% (+0.00% to +0.00%)") == (row[0], row[1], row[4])
    assert row[2] == row[3]


def test_a_difference_is_the_first_minus_the_second(pair):
    (row,) = rows(pair)
    assert row.difference is not None
    # By hand: minus (-0.5 + 1) / 4.
    assert -0.00125 == pytest.approx(row.difference.mean, abs=1e-6)


def test_what_seeds_differ_by_widens_the_interval(pair):
    (without,), (with_it,) = rows(pair), rows(replace(pair, seed_spread=0.1))
    assert without.difference is not None
    assert with_it.difference is not None
    assert without.difference.mean == with_it.difference.mean
    # Two trainings differ by the square root of 2 of what one does; the part is of the second one's NME.
    expected = np.hypot(without.difference.error, np.sqrt(2) * 0.1 * without.means[1])
    assert expected == pytest.approx(with_it.difference.error)


def test_the_page_shows_the_faces_that_changed_most_by_both(pair, evaluated, registry, tmp_path, monkeypatch):
    root = tmp_path / "root"
    shutil.copytree(evaluated.made / "crops", root / "artifacts" / "tiny" / "crops")
    monkeypatch.setattr(pictured, "ROOT", root)
    pair = replace(pair, run=registry.tags("1")["run_id"])
    params = Path(shutil.copy(TINY, root / "params.yaml"))
    registry.client.log_artifact(pair.run, str(params), "provenance")
    assert "" == write_page(pair, registry.client, tmp_path / "changes.html")
    page = (tmp_path / "changes.html").read_text(encoding="utf-8")
    faces = pair.errors[0].column("face").to_pylist()
    shown = re.findall(r'alt="(\S+) by version (\d)', page)
    # The second face is better by version 1, the first by version 2, and the others by none.
    assert [(faces[1], "1"), (faces[1], "2"), (faces[0], "1"), (faces[0], "2")] == shown
    assert 4 == page.count("data:image/jpeg;base64,")
    assert 'aria-label="Cumulative error distribution of either version' in page
    assert "2 of 4 faces" not in page
    assert "1 of 4 faces" in page


def test_without_the_crops_of_these_faces_the_page_has_no_pictures_and_says_why(pair, registry, tmp_path, monkeypatch):
    monkeypatch.setattr(pictured, "ROOT", tmp_path)
    pair = replace(pair, run=registry.tags("1")["run_id"])
    registry.client.log_artifact(pair.run, str(shutil.copy(TINY, tmp_path / "params.yaml")), "provenance")
    why = write_page(pair, registry.client, tmp_path / "changes.html")
    assert re.search(r"artifacts/tiny/crops/synthetic has no test shards, as preprocess writes them$", why)
    page = (tmp_path / "changes.html").read_text(encoding="utf-8")
    assert f"Without pictures: {why}." in page
    assert "<img" not in page
    faces = pair.errors[0].column("face").to_pylist()
    assert [faces[1], faces[1], faces[0], faces[0]] == re.findall(
        r"<figcaption><b>version .*</b> (\S+)</figcaption>", page
    )


def test_other_faces_and_other_protocols_do_not_compare(evaluated, registry, tmp_path):
    tags = registry.tags("1")
    registry.client.create_model_version(registry.name, "file:///x", tags={**tags, "protocol": "other:1"})
    with pytest.raises(ValueError, match="versions 1 and 2 do not compare: their protocols are inter_ocular:"):
        Pair.of(registry, "1", "2")
    run = registry.client.create_run("0").info.run_id
    registry.client.create_model_version(registry.name, "file:///x", tags={**tags, "run_id": run})
    with pytest.raises(ValueError, match=r"heatmark-tiny version 3: its run has no evaluation/errors.parquet any more"):
        Pair.of(registry, "1", "3")
