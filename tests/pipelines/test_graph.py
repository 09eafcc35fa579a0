"""What dvc.yaml says, against the code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from pipelines.params import whole_text
from pipelines.registry.dependencies import STAGES
from pipelines.registry.lineage import DECISIVE

ROOT = Path(__file__).parents[2]
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def test_the_stages_are_those_whose_dependencies_are_computed_and_the_one_that_computes_them():
    assert ["code", *STAGES] == list(GRAPH)
    assert GRAPH["code"]["always_changed"] is True
    assert ["artifacts/${name}/code"] == GRAPH["code"]["outs"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_its_own_computed_file_and_on_data_and_names_no_code(stage):
    own, *others = GRAPH[stage]["deps"]
    assert f"artifacts/${{name}}/code/{stage}.json" == own
    assert [] == [dep for dep in others if not dep.startswith(("data/", "artifacts/")) or "/code" in dep]
    assert GRAPH[stage]["cmd"].startswith(f"python -m pipelines.{stage} ")


def test_the_params_that_make_dvc_train_again_are_those_that_the_training_key_hashes():
    assert {"name", *DECISIVE} == set(GRAPH["train"]["params"])


def test_the_committed_params_are_the_demo_recipes():
    # The commit's, not the checkout's, which are whatever was trained there last.
    shown = subprocess.run(["git", "show", "HEAD:params.yaml"], cwd=ROOT, capture_output=True, text=True)
    if shown.returncode or "\nname: demo\n" not in shown.stdout:
        pytest.skip("no commit here, or one of somebody's own recipe")
    assert whole_text(ROOT / "recipes/demo.yaml") == shown.stdout
