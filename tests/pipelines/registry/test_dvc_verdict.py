"""What DVC would run again after a change of the code: its own verdict, in a copy of the project.

The stages' outputs are stand-ins that DVC was told to take as they are; only `code` runs.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[2] / "tiny.yaml"
FOLDERS = (
    "data/synthetic",
    *(f"artifacts/tiny/{name}" for name in ("annotations/synthetic", "crops/synthetic", "model")),
)
FILES = (
    "curves.csv",
    "errors.parquet",
    "report.html",
    "ced.csv",
    "landmarks.csv",
    "training_faces.parquet",
    "metrics.json",
)


@pytest.fixture(scope="module")
def project(make_project):
    """A copy in which everything is up to date."""
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    for name in (*(f"{folder}/file" for folder in FOLDERS), *(f"reports/tiny/{name}" for name in FILES)):
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        (project.root / name).write_text("{}")
    project.run("dvc", "repro", "-q", "--single-item", "code")
    project.run("dvc", "commit", "-q", "--force")
    assert set() == verdict(project)
    return project


def verdict(project) -> set[str]:
    """The stages that `dvc repro` would run now, without those that only follow from new outputs."""
    project.run("dvc", "repro", "-q", "--single-item", "code")
    said = project.run("dvc", "repro", "--dry").stdout
    return set(re.findall(r"^Running stage '([\w@]+)'", said, re.MULTILINE)) - {"code"}


def test_a_module_that_is_added_to_training_and_imported_trains_again(project):
    module, loop = project.root / "pipelines/training/constants.py", project.root / "pipelines/training/loop.py"
    before = loop.read_text()
    module.write_text("WIDTH = 3\n")
    loop.write_text(before + "\n\nfrom pipelines.training.constants import WIDTH  # noqa\n")
    assert {"train"} == verdict(project)
    module.unlink()
    loop.write_text(before)


def test_nothing_runs_after_a_new_study_a_new_codec_a_change_of_one_that_was_not_chosen_or_a_new_prefect(project):
    (project.root / "studies/another.py").write_text("from pipelines.training.loop import fit\n")
    (project.root / "components/codecs/other.py").write_text("class Other: ...\n")
    line = '    "rounded": Rounded,\n'
    imported = "from components.codecs.rounded import Rounded\n"
    project.edit(
        "components/codecs/__init__.py",
        (line, f'    "other": Other,\n{line}'),
        (imported, f"from components.codecs.other import Other\n{imported}"),
    )
    project.edit("components/codecs/hih.py", ("from __future__", "# A comment.\nfrom __future__"))
    project.edit("requirements.lock", ("\nprefect==", "\nprefect==9"))
    assert set() == verdict(project)


def test_a_change_of_the_chosen_codec_trains_and_evaluates_again(project):
    project.edit("components/codecs/subpixel.py", ("from __future__", "# A comment.\nfrom __future__"))
    assert {"train", "evaluate"} == verdict(project)
    project.edit("components/codecs/subpixel.py", ("# A comment.\n", ""))


def test_another_start_trains_again_and_another_name_of_the_same_does_not(project):
    folder = project.root / "data/starts/tiny"
    folder.mkdir(parents=True)

    def lay(asked: str, weights: bytes) -> set[str]:
        sha256 = hashlib.sha256(weights).hexdigest()
        (folder / "model.safetensors").write_bytes(weights)
        note = {"asked": asked, "source": "s", "run": "r", "key": "k", "weights_sha256": sha256}
        (folder / "start.json").write_text(json.dumps(note))
        return verdict(project)

    before = (project.root / "params.yaml").read_text()
    project.edit("params.yaml", ('start_from: ""', "start_from: models:/heatmark-tiny@champion"))
    assert {"train"} == verdict(project)  # nothing is laid down: it would say so
    assert {"train"} == lay("models:/heatmark-tiny@champion", b"weights")
    project.run("dvc", "commit", "-q", "--force")
    assert set() == verdict(project)
    project.edit("params.yaml", ("heatmark-tiny@champion", "heatmark-tiny/1"))
    assert {"train"} == verdict(project)  # what is laid down is not what is named
    assert set() == lay("models:/heatmark-tiny/1", b"weights")
    assert {"train"} == lay("models:/heatmark-tiny/1", b"other weights")
    (project.root / "params.yaml").write_text(before)


def test_another_codec_trains_and_evaluates_again_by_that_ones_file(project):
    fields = "  window: 7\n  decoder: expectation\n"
    project.edit("params.yaml", ("  name: subpixel\n", "  name: rounded\n"), (fields, ""))
    assert {"train", "evaluate"} == verdict(project)
    listed = (project.root / "artifacts/tiny/code/train.json").read_text()
    assert "components/codecs/rounded.py" in listed
    assert "components/codecs/subpixel.py" not in listed
