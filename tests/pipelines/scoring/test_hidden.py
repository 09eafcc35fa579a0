"""An evaluation of a model that says which landmarks are hidden: in the table, in the figures and on the page; else nothing of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from components.model import LandmarkModel
from components.synthetic import draw_face
from pipelines.params import Params
from pipelines.runtime.tables import from_column, to_column
from pipelines.scoring.hidden import which_hidden
from studies.inputs.crops import PICTURE


def saying_or_not(says: bool, params: Params) -> LandmarkModel:
    torch.manual_seed(0)
    model = LandmarkModel(replace(params.model(), visibility=says))
    if model.visibility is not None:
        model.visibility.weight.data.normal_(std=1 / model.visibility.pace)
    return model


@pytest.fixture(scope="module")
def saying(evaluated, params: Params, six_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluated(saying_or_not(True, params), six_faces, tmp_path_factory.mktemp("saying"))


def test_the_table_has_what_the_dataset_says_and_what_the_model_says(saying: Path) -> None:
    table = pq.read_table(saying / "errors.parquet")
    visible, said = (from_column(table, name, 68) for name in ("visible", "predicted_visible"))
    expected = [draw_face(0, index, PICTURE).visible["ibug68"] for index in range(6)]
    np.testing.assert_array_equal(expected, visible)
    assert 0 <= said.min() < said.max() <= 1


def test_the_figures_and_the_page_are_of_the_table(saying: Path) -> None:
    table = pq.read_table(saying / "errors.parquet")
    metrics = json.loads((saying / "metrics.json").read_text())
    visible, errors = (from_column(table, name, 68) for name in ("visible", "errors"))
    relative, hidden, said = errors / table["normaliser"].to_numpy()[:, None], visible == 0, metrics["visibility"]
    assert (hidden.sum(), (~hidden).sum()) == (said["num_hidden"], said["num_visible"])
    assert pytest.approx(relative[hidden].mean()) == said["hidden_error"]
    assert pytest.approx(relative[~hidden].mean()) == said["visible_error"]
    # Together they are the NME, of faces that have all their landmarks.
    together = said["hidden_error"] * said["num_hidden"] + said["visible_error"] * said["num_visible"]
    assert pytest.approx(metrics["nme"]) == together / hidden.size
    page = (saying / "report.html").read_text()
    assert "<h2>Which landmarks are hidden</h2>" in page
    for name in ("hidden_error", "visible_error"):
        assert f"{100 * said[name]:.2f}%" in page


def test_a_model_that_says_nothing_has_no_figures_of_it(evaluated, params, six_faces, tmp_path: Path) -> None:
    out = evaluated(saying_or_not(False, params), six_faces, tmp_path)
    assert "visibility" not in json.loads((out / "metrics.json").read_text())
    assert "Which landmarks are hidden" not in (out / "report.html").read_text()
    assert np.isnan(from_column(pq.read_table(out / "errors.parquet"), "predicted_visible", 68)).all()


def test_crops_from_before_say_nothing_of_it(evaluated, params, six_faces, tmp_path: Path) -> None:
    former = tmp_path / "crops/synthetic"
    former.mkdir(parents=True)
    name = "test-00000-of-00001.parquet"
    pq.write_table(pq.read_table(six_faces / "synthetic" / name).drop_columns("visible"), former / name)
    out = evaluated(saying_or_not(True, params), tmp_path / "crops", tmp_path)
    assert "visibility" not in json.loads((out / "metrics.json").read_text())
    assert np.isnan(from_column(pq.read_table(out / "errors.parquet"), "visible", 68)).all()


def rows(visible: list, said: list, errors: list) -> pa.Table:
    """Faces of three landmarks, with a normaliser of 10 px."""
    lists = {"visible": visible, "predicted_visible": said, "errors": errors}
    kind = pa.list_(pa.float32(), 3)
    columns = {name: to_column(np.array(values, np.float32), kind) for name, values in lists.items()}
    return pa.table({**columns, "normaliser": pa.array([10.0] * len(visible), pa.float32())})


NAN = float("nan")


def test_what_has_no_flag_counts_for_nothing_and_what_has_no_position_for_no_error() -> None:
    said = which_hidden(rows([[1, 0, NAN], [0, 1, 1]], [[0.9, 0.1, 0.0], [0.2, 0.8, 0.7]], [[1, 2, 9], [NAN, 3, 5]]))
    assert said is not None
    assert (3, 2, 1.0, 1.0) == tuple(
        said[name] for name in ("num_visible", "num_hidden", "average_precision", "recall_at_80_precision")
    )
    assert pytest.approx((0.3, 0.2)) == (said["visible_error"], said["hidden_error"])


def test_where_no_hidden_landmark_has_a_position_there_is_no_error_of_theirs() -> None:
    said = which_hidden(rows([[1, 0, 0]], [[0.9, 0.1, 0.2]], [[1, NAN, NAN]]))
    assert said is not None
    assert said["hidden_error"] is None


@pytest.mark.parametrize("visible", [[1, 1, 1], [0, 0, 0], [NAN, NAN, NAN], [NAN, 1, 1]])
def test_of_one_kind_alone_nothing_is_said(visible: list) -> None:
    assert which_hidden(rows([visible], [[0.9, 0.1, 0.2]], [[1, 2, 3]])) is None
