"""A command whose params file changes while it runs fails, so that DVC does not record its result under what it never read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STAGE = """
from pathlib import Path
from pipelines.runtime import command
from pipelines.runtime.strict_yaml import read_sheet

def main(then: str, params: Path = Path("params.yaml")) -> None:
    read_sheet(params)
    exec(then)

command.run(main)
"""


def run(folder: Path, then: str) -> subprocess.CompletedProcess[str]:
    """Runs a stage that reads params.yaml, and does something then."""
    (folder / "stage.py").write_text(STAGE)
    (folder / "params.yaml").write_text("epochs: 40\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "stage", then]
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "then",
    [
        "params.write_text('epochs: 2')",
        "params.write_text('epochs: 40  # a mark')",  # what it means is DVC's to say: any other byte counts
        "params.unlink()",
        "params.write_text('epochs: 2'); read_sheet(params)",
    ],
)
def test_it_fails_in_a_sentence_with_the_way_out(tmp_path, then):
    done = run(tmp_path, then)
    expected = (
        "stage: params.yaml has changed since this stage read it, and its result would be recorded under what it says now; nothing "
        "is recorded: run it again\n"
    )
    assert (1, expected) == (done.returncode, done.stderr)


@pytest.mark.parametrize("then", ["pass", "text = params.read_text(); params.unlink(); params.write_text(text)"])
def test_the_same_bytes_are_no_change(tmp_path, then):
    done = run(tmp_path, then)
    assert (0, "") == (done.returncode, done.stderr)
