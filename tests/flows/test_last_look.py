"""Faces that are kept aside: no retraining looks at them, and `promote --final` at nothing else. As a user runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.nightly

RETRAIN = ("python", "-m", "flows.retrain")
TINY = Path(__file__).parents[1] / "tiny.yaml"
FINAL = ("python", "-m", "heatmark", "promote", "2", "--because", "the release", "--final")


@pytest.fixture(scope="module")
def project(make_project):
    """By a recipe that keeps half of the test faces aside: a champion, and a worse version beside it."""
    project = make_project()
    recipe = TINY.read_text().replace("reserve_share: 0.0", "reserve_share: 0.5")
    (project.root / "recipes" / "tiny.yaml").write_text(recipe)
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "64", "--size", "128")
    project.first = project.run(*RETRAIN, "--recipe", "recipes/tiny.yaml").stdout
    project.edit("params.yaml", ("lr: 0.01", "lr: 0.0000001"))
    project.run(*RETRAIN)
    return project


def test_a_retraining_measures_the_other_test_faces_alone(project):
    assert re.search(r"ingest: 64 faces \(\d+ train, \d+ val, \d+ test, \d+ reserve\)", project.first), project.first
    crops = project.root / "artifacts/tiny/crops/synthetic"
    measured, aside = (
        {face for path in paths for face in pq.read_table(path).column("face").to_pylist()}
        for paths in (crops.glob("test-*"), crops.glob("reserve-*"))
    )
    assert measured
    assert aside
    assert not measured & aside
    assert len(measured) == json.loads((project.root / "reports/tiny/metrics.json").read_text())["num_faces"]


def test_a_version_that_is_worse_on_them_does_not_become_champion_and_the_look_is_in_the_history(project):
    looked = project.run(*FINAL, check=False)
    assert 1 == looked.returncode
    said = "heatmark-tiny version 2 does not become champion: keep, look 1 at the faces kept aside: worse: "
    assert said in looked.stderr, looked.stderr
    shown = project.run("python", "-m", "heatmark", "history").stdout
    assert re.search(r"│ keep 2 .*look 1 at", shown), shown
