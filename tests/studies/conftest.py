"""What the studies' tests share: a copy of the project with a small recipe, and two stored faces of each split."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.params import load_params
from studies.inputs.crops import draw_shard

TINY = Path(__file__).parents[1] / "tiny.yaml"
BASE, CROPS = "recipes/small.yaml", "crops"


@pytest.fixture(scope="session")
def small(make_project):
    """98 landmarks: nothing in a study may hang on the 68 of its default recipe."""
    project = make_project()
    text = TINY.read_text(encoding="utf-8")
    for old, new in (("ibug68", "wflw98"), ("batch_size: 8", "batch_size: 2"), ("evaluations: 3", "evaluations: 1")):
        assert old in text
        text = text.replace(old, new)
    (project.root / BASE).write_text(text, encoding="utf-8")
    (project.root / CROPS).mkdir()
    params = load_params(project.root / BASE)
    for number, split in enumerate(("train", "val", "test")):
        draw_shard(project.root / CROPS / f"{split}-00000-of-00001.parquet", params, 2, first=2 * number)
    return project
