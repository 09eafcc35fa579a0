"""A worker process that always dies ends the stage after a few tries, with a sentence, and not never."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import ray.data

from components.codecs import Subpixel
from components.model import LandmarkModel, ModelConfig
from components.networks import UNet
from components.schemes import SCHEMES
from pipelines.runtime import cluster
from pipelines.scoring import predict

MESSAGE = r"^a worker process of Ray died, and so did those that tried again \(2 times; "


@pytest.fixture
def die(tmp_path: Path) -> Callable[[object], None]:
    """Notes that it was called, and ends its process as a crash does."""
    log = tmp_path / "deaths"

    def die(_: object) -> None:
        with log.open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

    return die


def deaths(folder: Path) -> int:
    return len((folder / "deaths").read_text())


@pytest.mark.parametrize("source", [lambda: ray.data.range(1), lambda: ray.data.from_items([1])])
def test_a_task_is_tried_three_times(local_ray, tmp_path: Path, die: Callable, source: Callable) -> None:
    with pytest.raises(ValueError, match=MESSAGE), cluster.connected():
        list(source().map(die).iter_rows())
    assert 1 + cluster.MAX_RETRIES == deaths(tmp_path) == 3


def test_a_task_whose_worker_dies_once_costs_nothing(local_ray, tmp_path: Path, die: Callable) -> None:
    def once(row: dict) -> dict:
        if not (tmp_path / "deaths").exists():
            die(row)
        return row

    with cluster.connected():
        assert [{"item": 7}] == list(ray.data.from_items([7]).map(once).iter_rows())
    assert 1 == deaths(tmp_path)


def test_an_actor_that_predicts_is_tried_three_times(
    local_ray, tmp_path: Path, die: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying:
        def __init__(self, model: str, mirrored: bool) -> None:
            pass

        def __call__(self, rows: pa.Table) -> pa.Table:
            die(rows)
            return rows

    codec = Subpixel(crop=64, stride=4, sigma=1.5)
    LandmarkModel(ModelConfig(SCHEMES["ibug68"], codec, UNet(width=4), "mse", 1.3, "landmarks")).save(tmp_path)
    monkeypatch.setattr(predict, "cut_views", lambda rows, **how: rows)
    monkeypatch.setattr(predict, "Predictor", Dying)
    with pytest.raises(ValueError, match=MESSAGE):
        predict.predict(tmp_path, pa.table({"face": ["a"]}), "evaluate", mirrored=False)
    assert 1 + cluster.MAX_RETRIES == deaths(tmp_path) == 3
