"""What becomes of params.yaml when a recipe is used."""

from __future__ import annotations

import shutil

import pytest

import flows.retrain
from pipelines.params import whole_text
from pipelines.runtime.environment import ROOT

SCRIPT = """
import sys
from flows.retrain import PARAMS, write_params
from pipelines.params import load_params
for recipe in sys.argv[1:]:
    before = PARAMS.stat().st_mtime_ns
    print(*write_params(recipe, load_params(recipe)), PARAMS.stat().st_mtime_ns != before, sep=" | ")
"""
SMALL, DEMO = "recipes/300w_small.yaml", "recipes/demo.yaml"
CHANGED = "recipe: params.yaml differs from the committed one now; `git checkout params.yaml` brings that back"


@pytest.fixture(scope="module")
def project(make_project):
    return make_project()


def test_a_recipe_is_written_whole_once_and_a_change_against_git_is_said_with_the_way_back(project):
    # The copy was committed with the demo's params.
    said = project.run("python", "-c", SCRIPT, DEMO, SMALL, SMALL, DEMO, SMALL).stdout.splitlines()
    assert [
        "recipe: params.yaml is demo | False",
        f"recipe: {SMALL} is now params.yaml | {CHANGED} | True",
        "recipe: params.yaml is 300w_small | False",
        f"recipe: {DEMO} is now params.yaml | True",
        f"recipe: {SMALL} is now params.yaml | {CHANGED} | True",
    ] == said
    assert whole_text(ROOT / SMALL) == (project.root / "params.yaml").read_text()
    project.run("git", "checkout", "params.yaml")
    assert whole_text(ROOT / DEMO) == (project.root / "params.yaml").read_text()


def test_a_params_yaml_that_is_not_whole_is_refused_for_what_dvc_would_make_of_it(project):
    shutil.copytree(project.root / "recipes" / "bases", project.root / "bases")
    shutil.copy(project.root / DEMO, project.root / "params.yaml")
    script = "from flows.retrain import write_params; write_params(None, None)"
    done = project.run("python", "-c", script, check=False)
    assert "params.yaml has a base, but DVC reads whole files: move it to recipes/" in done.stderr
    project.run("git", "checkout", "params.yaml")
    project.edit("params.yaml", ("    share: 1.0\n", ""), ("    held_out: true\n", ""))
    done = project.run("python", "-c", script, check=False)
    lacking = "datasets.synthetic.share, datasets.synthetic.held_out"
    assert f"params.yaml leaves out {lacking}, but DVC reads whole files: move it to recipes/" in done.stderr
    project.run("git", "checkout", "params.yaml")


def test_a_params_yaml_that_is_edited_between_two_stages_ends_the_retraining(tmp_path, monkeypatch):
    params = tmp_path / "params.yaml"
    monkeypatch.setattr(flows.retrain, "PARAMS", params)
    params.write_text("epochs: 40")
    flows.retrain.refuse_edited(b"epochs: 40")
    params.write_text("epochs: 2")
    with pytest.raises(ValueError, match=r"params\.yaml was edited while the retraining ran: nothing is registered"):
        flows.retrain.refuse_edited(b"epochs: 40")
    params.unlink()
    with pytest.raises(ValueError, match=r"params\.yaml was edited"):
        flows.retrain.refuse_edited(b"epochs: 40")
