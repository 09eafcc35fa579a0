"""An evaluation of a model that knows what errors to expect: in the table, in the figures and on the page; else nothing of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from components.calibration import ExpectedError
from components.model import LandmarkModel
from pipelines.params import Params
from pipelines.runtime.tables import from_column, to_column
from pipelines.scoring.sure import expected_and_observed

CURVE = ExpectedError("inter_ocular", (0.0, 1.0), (90.0, 10.0), tuple(np.linspace(0.5, 1.5, 68).tolist()), 50.0, 1.0)


def expecting(known: ExpectedError | None, params: Params) -> LandmarkModel:
    torch.manual_seed(0)
    return LandmarkModel(replace(params.model(), expected_error=known))


@pytest.fixture(scope="module")
def knowing(evaluated, params: Params, six_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluated(expecting(CURVE, params), six_faces, tmp_path_factory.mktemp("knowing"))


def test_the_table_has_what_is_expected_at_each_confidence(knowing: Path) -> None:
    table = pq.read_table(knowing / "errors.parquet")
    confidence, expected = (from_column(table, name, 68) for name in ("confidence", "expected_error"))
    np.testing.assert_array_equal(CURVE.at(confidence), expected)


def test_the_figures_are_those_of_the_table(knowing: Path) -> None:
    metrics = json.loads((knowing / "metrics.json").read_text())
    table = pq.read_table(knowing / "errors.parquet")
    said = metrics["expected_error"]
    # Fractions, as all that stands in metrics.json, and the mean error of all faces is their NME.
    assert pytest.approx(from_column(table, "expected_error", 68).mean() / 100) == said["expected"]
    assert pytest.approx(metrics["nme"]) == said["observed"]
    assert pytest.approx(metrics["nme"]) == (said["surer_half"]["observed"] + said["other_half"]["observed"]) / 2
    assert said["surer_half"]["expected"] < said["other_half"]["expected"]
    low, high = said["difference_interval"]
    assert low <= said["difference"] <= high


def test_the_page_has_a_section_of_it(knowing: Path) -> None:
    page = (knowing / "report.html").read_text()
    said = json.loads((knowing / "metrics.json").read_text())["expected_error"]
    assert "<h2>How sure the model is</h2>" in page
    for number in (
        said["expected"],
        said["surer_half"]["observed"],
        said["other_half"]["expected"],
        said["difference"],
    ):
        assert f"{100 * number:.2f}%" in page


@pytest.mark.parametrize("known", [None, replace(CURVE, protocol="box_size")])
def test_where_it_does_not_know_in_this_unit_there_is_nothing_of_it(
    known: ExpectedError | None, evaluated, params, six_faces, tmp_path: Path
) -> None:
    out = evaluated(expecting(known, params), six_faces, tmp_path)
    assert "expected_error" not in json.loads((out / "metrics.json").read_text())
    assert "How sure the model is" not in (out / "report.html").read_text()
    table = pq.read_table(out / "errors.parquet")
    assert (known is None) == np.isnan(from_column(table, "expected_error", 68)).all()


def test_landmarks_without_a_position_count_for_nothing(knowing: Path) -> None:
    table = pq.read_table(knowing / "errors.parquet")
    values = from_column(table, "errors", 68)
    values[2, 5:] = np.nan
    kind, column = table.schema.field("errors").type, table.schema.get_field_index("errors")
    errors = expected_and_observed(table.set_column(column, "errors", to_column(values, kind)))
    expected, observed = errors.faces
    normaliser = table["normaliser"].to_numpy()
    assert pytest.approx(values[2, :5].mean() / normaliser[2]) == observed[2]
    assert pytest.approx(from_column(table, "expected_error", 68)[2, :5].mean() / 100) == expected[2]
    assert [6 * 68 - 63] * 2 == [len(each) for each in errors.landmarks]
