"""What a model has learnt from, kept beside it; and what of it a training that starts from it may not hold out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.params import Params, load_params
from pipelines.registry.learnt import TRAINING, facts, held_out_here, record, records
from pipelines.runtime.environment import ROOT


def of(recipe: str, **ingest: float) -> Params:
    params = load_params(ROOT / f"recipes/{recipe}.yaml")
    return params.model_copy(update={"ingest": params.ingest.model_copy(update=ingest)})


def kept(folder: Path, *parents: Params) -> Path:
    """A folder with what the first of the params, which started from a model of the next, and so on, wrote beside its model."""
    for params in reversed(parents):
        before = folder if (folder / TRAINING).is_file() else None
        (folder / TRAINING).write_text(json.dumps(facts(params, before)))
    return folder


def test_every_training_that_made_the_weights_is_kept_the_last_one_first(tmp_path: Path) -> None:
    small, demo = of("300w_small"), of("demo")
    assert [record(small), record(demo)] == records(kept(tmp_path, small, demo))
    assert {"300w": "300w"} == record(small).readers
    assert ["synthetic"] == record(of("300w_mixed")).all_of


def test_of_a_model_without_such_a_file_nothing_is_known(tmp_path: Path) -> None:
    assert [] == records(tmp_path) == held_out_here("it", tmp_path, of("demo"))


@pytest.mark.parametrize(
    "said", ["[]", '{"learnt_from": {}}', '{"learnt_from": [1]}', '{"learnt_from": [{"readers": 1}]}']
)
def test_a_damaged_file_is_refused(tmp_path: Path, said: str) -> None:
    (tmp_path / TRAINING).write_text(said)
    with pytest.raises(ValueError, match=r"training\.json is damaged"):
        records(tmp_path)


@pytest.mark.parametrize(
    ("parents", "said"),
    [
        ([of("300w_small", test_share=0.05)], "ingest.test_share is 0.05 there and 0.1 here"),
        ([of("demo"), of("300w_small", test_share=0.05)], "ingest.test_share is 0.05 there"),  # a grandparent
        ([of("shr_fan_300w_lp")], "300w_lp and 300w have the same photographs"),
    ],
)
def test_a_model_that_learnt_from_test_faces_is_no_start(tmp_path: Path, parents: list[Params], said: str) -> None:
    with pytest.raises(ValueError, match=f"^it has learnt from faces that would be test faces here: .*{said}"):
        held_out_here("it", kept(tmp_path, *parents), of("300w_small"))


def test_a_dataset_of_which_nothing_was_held_out_is_not_measured_later(tmp_path: Path) -> None:
    mixed = of("300w_mixed")
    name, source = next((name, source) for name, source in mixed.datasets.items() if not source.held_out)
    own = mixed.model_copy(update={"datasets": {name: source.model_copy(update={"held_out": True, "share": 1.0})}})
    with pytest.raises(ValueError, match=f"of {name} nothing was held out there"):
        held_out_here("it", kept(tmp_path, mixed), own)


@pytest.mark.parametrize(
    ("parent", "own", "warns"),
    [
        ({}, {}, False),
        ({"test_share": 0.2}, {}, False),
        ({}, {"val_share": 0.3}, True),
        ({"val_share": 0.3}, {}, False),
    ],
)
def test_more_validation_faces_than_before_are_said(
    tmp_path: Path, parent: dict[str, Any], own: dict[str, Any], warns: bool
) -> None:
    lines = held_out_here("it", kept(tmp_path, of("300w_small", **parent)), of("300w_small", **own))
    assert warns == any("validation faces here: their NME is too low" in line for line in lines)


def test_other_photographs_are_no_matter(tmp_path: Path) -> None:
    assert [] == held_out_here("it", kept(tmp_path, of("demo", test_share=0.01)), of("300w_small"))
