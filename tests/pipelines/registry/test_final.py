"""The last look: by the faces that were kept aside alone, counted whatever it says, and stricter each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.params import Params
from pipelines.registry import final
from pipelines.registry.history import History
from pipelines.registry.promotion import errors_of
from pipelines.registry.register import register
from pipelines.registry.tracking import Registry, connect
from pipelines.runtime.tables import read_table
from studies.inputs.crops import draw_shard
from tests.pipelines.registry.conftest import evaluate_untrained, stored_in

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*type hint:UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)


@pytest.fixture(scope="module")
def lenient(params: Params) -> Params:
    """Untrained models are far beyond any limit; which of two is better is still to be seen."""
    return params.model_copy(update={"promotion": params.promotion.model_copy(update={"max_nme": 100.0})})


@pytest.fixture(scope="module")
def faces(params: Params, tmp_path_factory) -> pa.Table:
    shard = tmp_path_factory.mktemp("crops") / "reserve-00000-of-00001.parquet"
    draw_shard(shard, params, 30)
    return read_table(shard)


@pytest.fixture
def registry(evaluated, params: Params, tmp_path: Path) -> Iterator[Registry]:
    """Two versions, untrained models of two seeds; none is champion."""
    (tmp_path / "other").mkdir()
    with stored_in(tmp_path):
        register(*evaluated)
        register(*evaluate_untrained(params, tmp_path / "other", seed=3, key="fedcba9876543210"))
        yield Registry(connect(), "heatmark-tiny")


@pytest.fixture
def by_error(registry: Registry, lenient: Params, faces: pa.Table, local_ray) -> list[str]:
    """The two versions, the better one first."""
    means = {version: errors_of(lenient, registry, version, faces)["nme"].to_numpy().mean() for version in ("1", "2")}
    return sorted(means, key=means.__getitem__)


def test_the_better_one_on_the_faces_kept_aside_becomes_champion_and_the_worse_one_does_not(
    registry, lenient, faces, by_error
):
    better, worse = by_error
    registry.point("champion", better)
    entry = final.promote(registry, lenient, faces, worse, "it looks better", "ann")
    assert ("keep", "kept aside", "ann") == (entry.action, entry.looked, entry.by)
    assert entry.reason.startswith("look 1 at the faces kept aside: worse: NME ")
    assert "on the same 30 faces" in entry.reason
    assert {"champion": better}.items() <= registry.aliases().items()

    registry.point("champion", worse)
    entry = final.promote(registry, lenient, faces, better, "it looks better", "ann")
    assert "promote" == entry.action
    assert entry.reason.startswith("it looks better; look 2 at the faces kept aside: better: NME ")
    assert "1 time in 80 is what a look may err" in entry.reason
    assert {"champion": better, "previous": worse}.items() <= registry.aliases().items()
    assert [("promote", better), ("keep", worse)] == [
        (each.action, each.version) for each in History(registry).entries()
    ]
    assert 0 == History(registry).looks(365)


def test_without_a_champion_and_of_the_champion_itself_nothing_is_looked_at(registry, lenient, faces):
    with pytest.raises(ValueError, match=r"heatmark-tiny has no champion to be better than: `heatmark promote 2"):
        final.promote(registry, lenient, faces, "2", "it looks better", "ann")
    registry.point("champion", "2")
    with pytest.raises(ValueError, match="heatmark-tiny version 2 is the champion already"):
        final.promote(registry, lenient, faces, "2", "it looks better", "ann")
    assert [] == History(registry).entries(state=None)


def test_where_no_faces_were_kept_aside_it_is_said_how(monkeypatch, tmp_path, params):
    monkeypatch.setattr(final, "ROOT", tmp_path)
    monkeypatch.setattr(final, "load_params", lambda path: params)
    with pytest.raises(
        ValueError, match=r"no faces of recipe tiny were kept aside .*: a retraining with ingest.reserve_share above 0"
    ):
        final.kept_aside("heatmark-tiny")
    with pytest.raises(
        ValueError, match=r"params\.yaml is recipe tiny, whose faces say nothing of heatmark-other: retrain by that"
    ):
        final.kept_aside("heatmark-other")


def test_they_are_read_where_preprocess_has_put_them(monkeypatch, tmp_path, params):
    folder = tmp_path / "artifacts/tiny/crops/synthetic"
    folder.mkdir(parents=True)
    draw_shard(folder / "reserve-00000-of-00001.parquet", params, 2)
    monkeypatch.setattr(final, "ROOT", tmp_path)
    monkeypatch.setattr(final, "load_params", lambda path: params)
    found, faces = final.kept_aside("heatmark-tiny")
    assert (params, 2) == (found, len(faces))
