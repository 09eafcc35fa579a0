"""What the studies' tests share: a copy of the project with a small recipe, and two stored faces of each split."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from components.model import LandmarkModel
from pipelines.params import load_params
from studies.inputs.crops import draw_shard
from studies.inputs.recipe import with_changes

TINY = Path(__file__).parents[1] / "tiny.yaml"
BASE, CROPS = "recipes/smallest.yaml", "crops"


@pytest.fixture(scope="session")
def small(make_project):
    """98 landmarks: nothing in a study may hang on the 68 of its default recipe."""
    project = make_project()
    markup = {"scheme": "wflw98", "datasets": {"synthetic": {"reader": "synthetic"}}}
    changes = {**markup, "train": {"batch_size": 2, "evaluations": 1}}
    params = with_changes(load_params(TINY), changes)
    (project.root / BASE).write_text(yaml.safe_dump(params.model_dump(mode="json")), encoding="utf-8")
    # By the dataset's name, and by that of a recipe that they are not of.
    folder = project.root / CROPS / "synthetic"
    folder.mkdir(parents=True)
    for number, split in enumerate(("train", "val", "test")):
        draw_shard(folder / f"{split}-00000-of-00001.parquet", params, 2, first=2 * number)
    (folder.parent / "wflw").symlink_to("synthetic")
    return project


@pytest.fixture(scope="session")
def untrained(small) -> Path:
    """A model of that recipe, with random weights, in the copy's folder `untrained`."""
    torch.manual_seed(0)
    folder = small.root / "untrained"
    folder.mkdir()
    LandmarkModel(load_params(small.root / BASE).model()).save(folder)
    return folder
