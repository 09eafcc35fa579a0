"""An evaluation, run whole: faces that a protocol cannot measure, as an eye's corner has no position, are left out and said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from components.codecs import CODECS
from components.metrics import PROTOCOLS, nme
from components.model import LandmarkModel
from components.schemes import IBUG68
from pipelines.evaluate import evaluate, measured_faces
from pipelines.params import Params, load_params
from pipelines.preprocess import write_shard
from pipelines.runtime.tables import face_fields
from pipelines.scoring.measure import counted
from pipelines.scoring.predict import Predictor
from pipelines.training import loop
from pipelines.training.temperature import fit_temperature

TINY = Path(__file__).parents[1] / "tiny.yaml"
CORNER = IBUG68.inter_ocular[0]
EVIL, SHOWN = "\x1b[31mred\u202e", r"\x1b[31mred\u202e"


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(TINY)


@pytest.fixture(scope="module")
def model(params: Params) -> LandmarkModel:
    torch.manual_seed(0)
    return LandmarkModel(params.model())


def annotations(folder: Path, without_corner: set[int]) -> pa.Table:
    """Six faces with pictures; those of these numbers lack the outer corner of the right eye."""
    rng, rows = np.random.default_rng(0), []
    for i in range(6):
        assert cv2.imwrite(str(folder / f"{i}.png"), rng.integers(0, 255, (100, 100, 3)).astype(np.uint8))
        landmarks = rng.uniform(20, 80, (68, 2)).astype(np.float32)
        if i in without_corner:
            landmarks[CORNER] = np.nan
        row = {
            "face": f"f{i}",
            "image": f"{i}.png",
            "subject": f"s{i}",
            "subsets": [EVIL],
            "landmarks": landmarks.ravel(),
        }
        rows.append({**row, "box": None})
    return pa.Table.from_pylist(rows, pa.schema([*face_fields(68), ("box", pa.list_(pa.float32()))]))


def stored(tmp_path: Path, params: Params, model: LandmarkModel, without_corner: set[int]) -> tuple[Path, Path]:
    """The folders of a model and of the crops of six test faces."""
    for name in ("model", "crops/synthetic", "pictures"):
        (tmp_path / name).mkdir(parents=True)
    model.save(tmp_path / "model")
    training = {"key": "k", "best_step": 1, "steps": 1, "val_nme": 0.5}
    (tmp_path / "model/training.json").write_text(json.dumps(training))
    table = annotations(tmp_path / "pictures", without_corner)
    shard = tmp_path / "crops/synthetic/test-00000-of-00001.parquet"
    write_shard(table, tmp_path / "pictures", shard, params, params.source("synthetic"))
    return tmp_path / "model", tmp_path / "crops"


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions by one of the pool's actors, without the pool: how many there are decides no result."""
    monkeypatch.setattr(
        "pipelines.evaluate.predict", lambda model, faces, stage, mirrored: Predictor(str(model)).predict(faces)
    )


def test_a_face_without_an_eye_corner_is_left_out_of_the_evaluation_which_says_so(
    tmp_path: Path, params: Params, model: LandmarkModel, in_this_process: None, capsys: pytest.CaptureFixture
) -> None:
    evaluate(*stored(tmp_path, params, model, {2}), params, tmp_path / "out")
    assert "on 5 test faces (1 without inter_ocular left out): " in capsys.readouterr().out
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())
    assert (5, 1) == (metrics["num_faces"], metrics["num_left_out"])
    errors = pq.read_table(tmp_path / "out/errors.parquet")
    assert [False, False, True, False, False, False] == np.isnan(errors["nme"].to_numpy()).tolist()
    assert pytest.approx(metrics["nme"]) == np.nanmean(errors["nme"].to_numpy())
    page = (tmp_path / "out/report.html").read_text()
    assert "<th>left out</th><td>1 without inter_ocular</td>" in page
    assert SHOWN in page
    assert not set(EVIL[0] + EVIL[-1]) & set(page)  # neither in the tables nor in the figure's legend


def test_where_all_can_be_measured_nothing_is_said(
    tmp_path: Path, params: Params, model: LandmarkModel, in_this_process: None, capsys: pytest.CaptureFixture
) -> None:
    evaluate(*stored(tmp_path, params, model, set()), params, tmp_path / "out")
    assert "on 6 test faces: " in capsys.readouterr().out
    assert 0 == json.loads((tmp_path / "out/metrics.json").read_text())["num_left_out"]
    assert "left out" not in (tmp_path / "out/report.html").read_text()


NONE = "protocol 'inter_ocular' divides by inter_ocular, which none of {} {} faces has; box_size is known of every face"


def test_an_evaluation_of_no_face_at_all_is_refused_with_the_way_out(
    tmp_path: Path, params: Params, model: LandmarkModel, in_this_process: None
) -> None:
    with pytest.raises(ValueError, match=f"^{NONE.format(6, 'test')}$"):
        evaluate(*stored(tmp_path, params, model, set(range(6))), params, tmp_path / "out")
    assert not (tmp_path / "out/metrics.json").exists()


def test_rows_count_that_are_in_a_subset_and_were_measured() -> None:
    table = pa.table({"subsets": [["common"], ["common"], ["private"], None], "nme": [0.1, np.nan, 0.1, 0.1]})
    assert [True, False, False, False] == counted(table, PROTOCOLS["300w"]).tolist()
    assert [True, False, True, True] == counted(table, PROTOCOLS["inter_ocular"]).tolist()
    assert 3 == len(measured_faces(table, PROTOCOLS["inter_ocular"]))


def batch(without_corner: set[int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(10, 54, (4, 68, 2)).astype(np.float32)
    landmarks[sorted(without_corner), CORNER] = np.nan
    return {"pixels": rng.integers(0, 255, (4, 3, 64, 64)).astype(np.uint8), "landmarks": landmarks}


def worker(*batches: dict[str, np.ndarray]) -> SimpleNamespace:
    return SimpleNamespace(world=1, device=torch.device("cpu"), validation=lambda: iter(batches))


def test_validation_is_the_mean_of_those_that_can_be_measured(params: Params, model: LandmarkModel) -> None:
    faces, kept = batch({1, 3}), [0, 2]
    with torch.no_grad():
        predicted = model.eval().decode(model(torch.from_numpy(faces["pixels"]))).landmarks.numpy()
    truth = faces["landmarks"][kept]
    expected = nme(predicted[kept], truth, PROTOCOLS["inter_ocular"].normalise(truth, IBUG68)).mean()
    # A batch without any is no obstacle either.
    assert pytest.approx(expected) == loop.measure(model, params, worker(faces, batch({0, 1, 2, 3})))


def test_validation_of_no_face_at_all_is_refused_with_the_way_out(params: Params, model: LandmarkModel) -> None:
    with pytest.raises(ValueError, match=f"^{NONE.format(4, 'validation')}$"):
        loop.measure(model, params, worker(batch({0, 1, 2, 3})))


def test_the_temperature_is_fitted_on_those_that_can_be_measured(params: Params) -> None:
    config = params.model()
    codec = CODECS["subpixel"](crop=64, stride=4, sigma=0.8, window=7, decoder="soft_argmax")
    model = LandmarkModel(replace(config, codec=codec))
    faces = batch({1, 3})
    alone = {name: values[[0, 2]] for name, values in faces.items()}
    expected = fit_temperature(model, [alone], PROTOCOLS["inter_ocular"])
    found = fit_temperature(model, [faces], PROTOCOLS["inter_ocular"])
    assert expected[0] == found[0]
    assert pytest.approx(expected[1]) == found[1]
    with pytest.raises(ValueError, match=f"^{NONE.format(4, 'validation')}$"):
        fit_temperature(model, [batch({0, 1, 2, 3})], PROTOCOLS["inter_ocular"])


def test_a_model_without_what_its_training_says_is_refused(
    tmp_path: Path, params: Params, model: LandmarkModel, in_this_process: None
) -> None:
    saved, crops = stored(tmp_path, params, model, set())
    (saved / "training.json").unlink()
    with pytest.raises(ValueError, match=r"training\.json is missing, .*: `python -m pipelines\.train` writes both$"):
        evaluate(saved, crops, params, tmp_path / "out")
    assert not (tmp_path / "out").exists()
