"""An evaluation of several datasets: each is measured apart, and all together."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from components.model import LandmarkModel
from pipelines.evaluate import evaluate
from pipelines.params import Params, load_params
from pipelines.rescore import load_predictions, rescore_faces
from pipelines.scoring.predict import Predictor
from studies.inputs.crops import draw_shard

TINY = Path(__file__).parents[1] / "tiny.yaml"
DATASETS = {
    "a": {"reader": "synthetic", "share": 0.5},
    "b": {"reader": "300w", "share": 0.25},
    "c": {"reader": "cofw", "scheme": "cofw29", "share": 0.25, "held_out": False},
}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an evaluation of one and of three faces, by a model that learnt nothing."""
    tmp_path = tmp_path_factory.mktemp("evaluated")
    params = Params.model_validate({**load_params(TINY).model_dump(), "datasets": DATASETS})
    torch.manual_seed(0)
    (tmp_path / "model").mkdir()
    LandmarkModel(params.model()).save(tmp_path / "model")
    training = {"key": "k", "best_step": 1, "steps": 1, "val_nme": 0.5}
    (tmp_path / "model/training.json").write_text(json.dumps(training))
    for name, count in (("a", 1), ("b", 3)):
        (tmp_path / "crops" / name).mkdir(parents=True)
        draw_shard(tmp_path / "crops" / name / "test-00000-of-00001.parquet", load_params(TINY), count)
    with pytest.MonkeyPatch.context() as patch:
        # One of the pool's actors, without the pool: how many there are decides no result.
        patch.setattr(
            "pipelines.evaluate.predict",
            lambda model, faces, stage, mirrored: Predictor(str(model), mirrored).predict(faces),
        )
        evaluate(tmp_path / "model", tmp_path / "crops", params, tmp_path / "out")
    return tmp_path / "out"


def test_figures_are_of_each_and_of_all(evaluated: Path) -> None:
    metrics = json.loads((evaluated / "metrics.json").read_text())
    assert {"dataset_a": 1, "dataset_b": 3} == {name: of["num_faces"] for name, of in metrics["subsets"].items()}
    apart = metrics["subsets"]
    # By hand: the mean over all is that over each, by how many it has.
    assert pytest.approx((apart["dataset_a"]["nme"] + 3 * apart["dataset_b"]["nme"]) / 4) == metrics["nme"]
    assert 4 == metrics["num_faces"]


def test_faces_of_the_same_name_are_told_apart(evaluated: Path) -> None:
    table = pq.read_table(evaluated / "errors.parquet")
    assert ["a/000000.jpg", "b/000000.jpg", "b/000001.jpg", "b/000002.jpg"] == table.column("face").to_pylist()


def test_the_report_says_what_each_is_and_does(evaluated: Path) -> None:
    page = (evaluated / "report.html").read_text()
    assert "<th>dataset a</th><td>a (synthetic, ibug68): 0.5 of each batch</td>" in page
    assert "<th>dataset c</th><td>c (cofw, cofw29): 0.25 of each batch, trains only</td>" in page
    assert "<td>dataset_b</td>" in page


def test_the_predictions_can_be_rescored_by_protocols_that_fit_both(evaluated: Path) -> None:
    faces = load_predictions(evaluated / "errors.parquet")
    assert ("300w", "synthetic") == faces.datasets
    results, left_out = rescore_faces(faces)
    assert "inter_ocular" in {metrics["protocol"]["name"] for metrics in results}
    assert "for dataset cofw68" == left_out["cofw68"]
    assert all({"dataset_a", "dataset_b"} == metrics["subsets"].keys() for metrics in results)
