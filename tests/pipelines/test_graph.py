"""What dvc.yaml says depends on what, against what the code imports."""

from __future__ import annotations

from pathlib import Path

import yaml

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
    assert (ROOT / "recipes/demo.yaml").read_text() == (ROOT / "params.yaml").read_text()
