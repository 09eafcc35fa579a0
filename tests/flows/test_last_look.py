"""Faces that are kept aside: no retraining looks at them, and `promote --final` at nothing else. As a user runs it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.nightly

RETRAIN = ("python", "-m", "flows.retrain")
TINY = Path(__file__).parents[1] / "tiny.yaml"
FINAL = ("python", "-m", "heatmark", "promote", "2", "--because", "the release", "--final")


@pytest.fixture(scope="module")
def project(make_project):
    """With a champion, and a worse version beside it; then half of the test faces are kept aside."""
    project = make_project()
    shutil.copy(TINY, project.root / "recipes" / "tiny.yaml")
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "64", "--size", "128")
    project.run(*RETRAIN, "--recipe", "recipes/tiny.yaml")
    project.edit("params.yaml", ("lr: 0.01", "lr: 0.0000001"))
    project.run(*RETRAIN)
    project.before = project.run(*FINAL, check=False)
    project.edit("params.yaml", ("reserve_share: 0.0", "reserve_share: 0.5"))
    project.aside = project.run(*RETRAIN).stdout
    return project


def test_without_such_faces_it_is_refused_with_what_makes_them(project):
    assert 1 == project.before.returncode
    assert "heatmark: no faces of recipe tiny were kept aside (" in project.before.stderr


def test_keeping_faces_aside_trains_nothing_again_and_measures_the_others_alone(project):
    assert re.search(r"ingest: 64 faces \(\d+ train, \d+ val, \d+ test, \d+ reserve\)", project.aside), project.aside
    assert "train: epoch" not in project.aside
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
