"""The command: its help, its errors, and that it hands everything on."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from heatmark import __version__
from heatmark.cli import app
from pipelines.runtime.environment import ROOT

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
# Command -> where its work is done.
MAINS = {
    "doctor": "pipelines.doctor.examine",
    "draw": "pipelines.draw",
    "exp": "flows.experiment",
    "export": "pipelines.serving.export",
    "measure": "flows.measure",
    "gc": "flows.gc",
    "pages": "flows.pages",
    "params": "pipelines.params",
    "predict": "pipelines.serving.predict",
    "rescore": "pipelines.rescore",
    "retrain": "flows.retrain",
    "schedule": "flows.schedule",
    "serve": "pipelines.serving.server.serve",
}


def heatmark(*words: str, cwd: Path = ROOT, **extra: str) -> subprocess.CompletedProcess[str]:
    """Runs the command by this checkout's code, in a terminal of 80 columns."""
    env = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **extra}
    words = (sys.executable, "-P", "-m", "heatmark", *words)
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_help_shows_every_command_in_the_order_of_a_newcomer():
    shown = heatmark("--help").stdout
    places = [shown.index(f"│ {name} ") for name in COMMANDS]
    assert sorted(places) == places
    assert ["demo", "predict", "export", "serve", "retrain"] == list(COMMANDS)[:5]
    assert heatmark().stdout == shown


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_80_columns(name):
    done = heatmark(*filter(None, [name]), "--help")
    assert 0 == done.returncode, done.stderr
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_each_of_its_options_says_what_it_is(name):
    assert COMMANDS[name].help
    silent = [option.name for option in COMMANDS[name].params if option.name != "help" and not option.help]
    assert [] == silent


@pytest.mark.parametrize("name", MAINS)
def test_a_command_has_the_options_of_the_function_that_does_its_work(name):
    main = importlib.import_module(MAINS[name]).main
    command = inspect.signature(COMMANDS[name].callback)
    expected = {name: p.default for name, p in inspect.signature(main).parameters.items()}
    assert expected == {name: parameter.default for name, parameter in command.parameters.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_shows_every_command(name):
    assert re.search(rf"heatmark {name}\b", (ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_version_says_whose_code_it_is():
    assert f"heatmark {__version__} ({ROOT})\n" == heatmark("--version").stdout


def test_a_wrong_value_is_one_sentence_and_exit_code_1(tmp_path):
    done = heatmark("rescore", str(tmp_path / "away.parquet"))
    assert 1 == done.returncode
    assert done.stderr.startswith(f"heatmark: {tmp_path}/away.parquet: no such file")
    assert 1 == len(done.stderr.splitlines())


def test_a_wrong_word_is_a_usage_error_and_exit_code_2():
    for words in (("retrian",), ("retrain", "--recipes", "x"), ("predict",)):
        done = heatmark(*words)
        assert 2 == done.returncode
        assert "Usage: heatmark" in done.stderr


def test_outside_a_checkout_a_command_that_needs_one_says_so_and_makes_nothing(tmp_path):
    for words in (("retrain",), ("demo",), ("schedule",), ("pages",), ("doctor",), ("study",), ("exp", "a=1")):
        done = heatmark(*words, cwd=tmp_path)
        assert 1 == done.returncode
        assert f"heatmark: this command needs a checkout of Heatmark: neither {tmp_path} nor" in done.stderr
        assert 1 == len(done.stderr.splitlines())
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--recipe", "away.yaml"), "heatmark: away.yaml: No such file or directory\n"),
        (("--data", "away"), "heatmark: --data away is not a folder\n"),
    ],
)
def test_a_schedule_that_would_fail_each_night_is_not_served(words, sentence):
    done = heatmark("schedule", *words)
    assert (1, sentence) == (done.returncode, done.stderr)
    assert 2 == heatmark("schedule", "--port", "65536").returncode


def test_a_root_that_is_no_checkout_is_refused(tmp_path):
    done = heatmark("--root", str(tmp_path), "study")
    assert (1, f"heatmark: {tmp_path} is no checkout of Heatmark: a folder with its dvc.yaml and pyproject.toml\n") == (
        done.returncode, done.stderr
    )  # fmt: skip
    assert done.stderr == heatmark("study", HEATMARK_ROOT=str(tmp_path)).stderr


def test_studies_are_listed_with_what_they_ask_and_started_with_their_own_options():
    listed = heatmark("study").stdout
    for name in ("comparison", "data-path", "floors", "siamese", "speed"):
        assert re.search(rf"^  {name}\n      \w", listed, re.M)
    assert max(len(line) for line in listed.splitlines()) <= 80
    assert "python -m studies.siamese" in heatmark("study", "siamese", "--help").stdout
    assert "unknown study 'flors'; known: boxes, comparison, data-path" in heatmark("study", "flors").stderr


def test_a_study_keeps_its_exit_code_and_the_working_directory(tmp_path):
    done = heatmark("--root", str(ROOT), "study", "floors", "out", "--annotations", "away.parquet", cwd=tmp_path)
    assert 1 == done.returncode
    assert done.stderr.startswith("floors: away.parquet: ")


def test_stopping_it_is_one_word_and_exit_code_130(tmp_path):
    words = [sys.executable, "-P", "-m", "heatmark", "draw", str(tmp_path / "faces"), "--num-faces", "100000"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)  # fmt: skip
    while not list(tmp_path.glob(".faces.partial/images/*.jpg")):
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
    _, said = process.communicate(timeout=60)
    assert (130, "heatmark: stopped\n") == (process.returncode, said)
    assert [] == list(tmp_path.iterdir())


def test_completion_knows_the_commands():
    done = heatmark(_HEATMARK_COMPLETE="complete_bash", COMP_WORDS="heatmark re", COMP_CWORD="1")
    assert ["reproduce", "rescore", "retire", "retrain"] == sorted(done.stdout.split())
