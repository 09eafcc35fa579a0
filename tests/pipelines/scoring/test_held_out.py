"""The faces that are measured: of one dataset as they are, of several told apart."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.params import Params, load_params
from pipelines.scoring.held_out import faces_to_measure

TINY = Path(__file__).parents[2] / "tiny.yaml"


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Two test faces of each of three datasets, by the same names."""
    subsets = pa.array([["full"], None], pa.list_(pa.string()))
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        rows = pa.table({"face": ["1", "2"], "subsets": subsets, "pixels": [name, name]})
        pq.write_table(rows, tmp_path / name / "test-00000-of-00001.parquet")
    return tmp_path


def params(**held_out: bool) -> Params:
    share = 1 / len(held_out)
    datasets = {name: {"reader": "synthetic", "share": share, "held_out": held} for name, held in held_out.items()}
    return Params.model_validate({**load_params(TINY).model_dump(), "datasets": datasets})


@pytest.mark.parametrize("chosen", [{"a": True}, {"a": True, "b": False}])
def test_of_one_held_out_dataset_they_are_its_rows_unchanged(crops: Path, chosen: dict) -> None:
    assert pq.read_table(crops / "a").equals(faces_to_measure(crops, params(**chosen)))


def test_of_several_they_bear_the_datasets_name_and_are_in_its_subset(crops: Path) -> None:
    table = faces_to_measure(crops, params(c=True, b=False, a=True))
    assert ["a/1", "a/2", "c/1", "c/2"] == table.column("face").to_pylist()
    expected = [["dataset_a", "full"], ["dataset_a"], ["dataset_c", "full"], ["dataset_c"]]
    assert expected == table.column("subsets").to_pylist()
    assert ["a", "a", "c", "c"] == table.column("pixels").to_pylist()
    assert pq.read_table(crops / "a").schema == table.schema


def test_a_dataset_without_test_faces_is_named(crops: Path) -> None:
    (crops / "c/test-00000-of-00001.parquet").unlink()
    with pytest.raises(ValueError, match=r"/c has no test shards, as preprocess writes them$"):
        faces_to_measure(crops, params(a=True, c=True))
