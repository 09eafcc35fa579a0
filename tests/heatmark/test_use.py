"""What README's "Use a model" tells one to type, typed: on four drawn faces, by a model in a registry."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.heatmark.test_registry import registered

__all__ = ["registered"]

ROOT = Path(__file__).parents[2]
# The model in the tests' registry, and a picture of one's own.
STAND_INS = {"heatmark-demo": "heatmark-tiny", "photo.jpg": "data/synthetic/images/000000.jpg"}


def section() -> str:
    """README's text on using a model, with what there is here."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Use a model\n")[1].split("\n## ")[0]
    for name, other in STAND_INS.items():
        text = text.replace(name, other)
    return text


@pytest.fixture(scope="module")
def used(registered: Project) -> Project:
    """The copy with four drawn faces, after every command of `heatmark` but `serve`, one after the other."""
    registered.run("python", "-m", "heatmark", "draw", "data/synthetic", "--num-faces", "4", "--size", "128")
    lines = re.findall(r"(?m)^\$ heatmark (?!serve)(.*)$", section())
    registered.said = [registered.run("python", "-m", "heatmark", *shlex.split(line)).stdout for line in lines]
    return registered


def test_every_command_works_and_pictures_lie_beside_the_tables(used):
    assert 3 <= len(used.said)
    assert "predict: 4 faces on 4 pictures, " in used.said[0]
    for out in ("out", "out-onnx"):
        assert 5 == len((used.root / out / "landmarks.csv").read_text().splitlines())
        assert 4 == len(list((used.root / out / "images").iterdir()))


def test_the_lines_of_python_work(used):
    (snippet,) = re.findall(r"```python\n(import heatmark\n.*?)```", section(), re.DOTALL)
    used.run("python", "-c", snippet)
    assert (used.root / "out.jpg").is_file()
