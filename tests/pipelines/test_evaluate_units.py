"""Evaluate without Ray and without a model: what is measured, what is written, and that it stands the audit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.metrics import PROTOCOLS
from components.schemes import IBUG68
from pipelines.evaluate import audited, measured_faces, write_curves
from pipelines.runtime.tables import note_of, to_column, with_note, write_table
from pipelines.scoring.measure import measure

K = IBUG68.num_landmarks


def predictions(num_faces: int = 6, missing: bool = False) -> pa.Table:
    """Faces with the eyes 50 px apart; every landmark of face i is predicted i px off. Odd faces are private."""
    truth = np.random.default_rng(0).uniform(0, 100, (num_faces, K, 2))
    truth[:, [36, 45]] = [[20, 40], [70, 40]]
    predicted = truth + np.arange(num_faces)[:, None, None] * [0.6, 0.8]
    if missing:
        truth[:, 0] = np.nan
        truth[0, 1] = np.nan

    def flat(values: np.ndarray) -> pa.Array:
        return to_column(values.astype(np.float32), pa.list_(pa.float32(), values[0].size))

    return pa.table(
        {
            "face": [f"face_{i}" for i in range(num_faces)],
            "subsets": pa.array(
                [["private"] if i % 2 else ["common"] for i in range(num_faces)], pa.list_(pa.string())
            ),
            "landmarks": flat(truth),
            "predicted": flat(predicted),
            "annotated_box": flat(np.full((num_faces, 4), np.nan)),
        }
    )


def test_errors_are_in_px_and_the_nme_is_theirs_over_the_normaliser() -> None:
    table = measure(predictions(), IBUG68, PROTOCOLS["inter_ocular"])
    # By hand: face i is i px off (0.6 and 0.8 make 1), over 50 px.
    np.testing.assert_allclose(np.arange(6) / 50, table["nme"].to_numpy(), rtol=1e-5, atol=1e-7)
    assert [50.0] * 6 == table["normaliser"].to_pylist()
    np.testing.assert_allclose(table["errors"][3].as_py(), np.full(K, 3.0), rtol=1e-4)


def test_a_protocol_measures_its_subsets_alone() -> None:
    table = measure(predictions(), IBUG68, PROTOCOLS["300w"])
    assert ["face_0", "face_2", "face_4"] == measured_faces(table, PROTOCOLS["300w"])["face"].to_pylist()
    assert 6 == len(measured_faces(table, PROTOCOLS["inter_ocular"]))


def test_a_protocol_without_faces_is_refused() -> None:
    with pytest.raises(
        ValueError, match="protocol 'merl_rav' measures the subsets frontal, half_profile, profile, and none of the 6"
    ):
        measured_faces(predictions(), PROTOCOLS["merl_rav"])


def test_the_figures_say_what_was_checked_of_them() -> None:
    metrics, (thresholds, shares) = audited(
        measure(predictions(), IBUG68, PROTOCOLS["inter_ocular"]), IBUG68, PROTOCOLS["inter_ocular"]
    )
    # By hand: 0, 0.02, ..., 0.1: five per cent on average.
    assert pytest.approx(0.05) == metrics["nme"]
    assert 9 == len(metrics["audit"]["checked"])
    assert (201, 0.0, 0.1) == (len(thresholds), thresholds[0], thresholds[-1])
    assert np.all(np.diff(shares) >= 0)


def test_figures_that_are_not_the_faces_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import pipelines.evaluate

    real = pipelines.evaluate.summarise
    monkeypatch.setattr(pipelines.evaluate, "summarise", lambda *args: {**real(*args), "auc": 0.9})
    table = measure(predictions(), IBUG68, PROTOCOLS["inter_ocular"])
    with pytest.raises(ValueError, match=r"^inconsistent metrics, not written: AUC as published: AUC is 0\.9"):
        audited(table, IBUG68, PROTOCOLS["inter_ocular"])


def test_missing_landmarks_pass_and_are_no_row_of_the_landmarks_file(tmp_path) -> None:
    table = measure(predictions(missing=True), IBUG68, PROTOCOLS["inter_ocular"])
    metrics, curve = audited(table, IBUG68, PROTOCOLS["inter_ocular"])
    assert pytest.approx(0.05) == metrics["nme"]
    # Landmark 1 is missing in face 0 alone: the mean of 0.02, ..., 0.1.
    assert (None, pytest.approx(0.06)) == (metrics["landmarks"]["jaw_0"], metrics["landmarks"]["jaw_1"])
    assert "mean of landmarks" not in metrics["audit"]["checked"]
    write_curves(metrics, curve, tmp_path)
    lines = (tmp_path / "landmarks.csv").read_text().splitlines()
    assert 1 + K - 1 == len(lines)
    assert not any(line.startswith("jaw_0,") for line in lines)
    assert ["nme,share", "0.0,0.16666666666666666"] == (tmp_path / "ced.csv").read_text().splitlines()[:2]


def test_a_landmark_that_is_predicted_nowhere_is_refused() -> None:
    table = predictions()
    points = table["predicted"].combine_chunks().flatten().to_numpy().copy()
    points[2 * K * 4] = np.nan
    broken = table.set_column(3, "predicted", to_column(points, table.schema.field("predicted").type))
    with pytest.raises(ValueError, match=r"1 of 6 faces are not predicted \(NaN\); the first is row 4"):
        measure(broken, IBUG68, PROTOCOLS["inter_ocular"])


def test_what_is_noted_of_a_table_comes_back_from_parquet(tmp_path) -> None:
    write_table(with_note(predictions(), scheme="ibug68", box="landmarks"), tmp_path / "e.parquet")
    assert {"scheme": "ibug68", "box": "landmarks"} == note_of(pq.read_table(tmp_path / "e.parquet"))
    assert {} == note_of(predictions())
