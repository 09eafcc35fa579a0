"""A version made again from a clone of what it was made of: the same weights, with uncommitted changes too."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).parents[2]
LOSS = "components/losses/heatmap.py"


@pytest.fixture(scope="module")
def project(make_project):
    """A retraining of a commit whose code was changed and not committed; afterwards the checkout has gone on."""
    project = make_project()
    shutil.copy(ROOT / "Makefile", project.root / "Makefile")
    text = (ROOT / "tests/tiny.yaml").read_text(encoding="utf-8").replace("num_workers: 2", "num_workers: 0")
    (project.root / "recipes/tiny.yaml").write_text(text, encoding="utf-8")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "a recipe")
    (project.root / LOSS).write_text((project.root / LOSS).read_text() + "\n# Not committed.\n")
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "64", "--size", "128")
    project.run("python", "-m", "heatmark", "retrain", "--recipe", "recipes/tiny.yaml")
    project.run("git", "checkout", "-q", LOSS)
    project.edit("params.yaml", ("epochs: 6", "epochs: 1"))
    return project


def test_a_version_is_made_again_bit_by_bit_whatever_the_checkout_has_become(project):
    said = project.run("python", "-m", "heatmark", "reproduce", "1", timeout=900).stdout
    assert re.search(
        r"(?m)^reproduce: the same: weights bit by bit, and all metrics; NME \d+\.\d{4}%, registered \d+", said
    )
    made = project.root / "runs/reproduced/heatmark-tiny-1"
    assert (made / LOSS).read_text().endswith("# Not committed.\n")
    assert not list((made / "runs").glob("mlartifacts/*"))[1:]
    assert "epochs: 1\n" in (project.root / "params.yaml").read_text()
