"""What dvc.yaml says depends on what, against what the code imports."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from pipelines.params import whole_text
from pipelines.registry.lineage import CODE

ROOT = Path(__file__).parents[2]


def test_all_that_the_training_key_hashes_also_makes_dvc_train_again():
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]["deps"]
    folders = {pattern.removesuffix("/*.py") for pattern in CODE}
    assert folders | {"requirements.lock"} <= set(deps)


def test_every_dependency_is_there():
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
        for dep in stage["deps"]:
            if not dep.startswith(("data/", "artifacts/")):
                assert (ROOT / dep).exists(), dep


def test_the_committed_params_are_the_demo_recipes():
    # The commit's, not the checkout's, which are whatever was trained there last.
    shown = subprocess.run(["git", "show", "HEAD:params.yaml"], cwd=ROOT, capture_output=True, text=True)
    if shown.returncode or "\nname: demo\n" not in shown.stdout:
        pytest.skip("no commit here, or one of somebody's own recipe")
    assert whole_text(ROOT / "recipes/demo.yaml") == shown.stdout
