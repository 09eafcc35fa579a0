"""The study of the server, in short: a real server under a few clients, hostile ones among them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from components.images import decode
from components.model import LandmarkModel
from pipelines.params import load_params
from pipelines.runtime.environment import ROOT
from studies.serving.__main__ import wrong
from studies.serving.clients import KINDS, Asked, bomb

TINY = Path(__file__).parents[1] / "tiny.yaml"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """As a training begins with it."""
    torch.manual_seed(0)
    LandmarkModel(load_params(TINY).model()).save(tmp_path)
    return tmp_path


def test_under_load_and_attack_every_request_gets_the_status_that_is_right_for_it(model):
    words = [sys.executable, "-m", "studies.serving", str(model), "--seconds", "4", "--clients", "8"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert done.stdout.startswith("8 clients for 4 s:\n\n| request | number | 200 |")
    assert re.search(r"\n\| a face \| [1-9]\d* \| [1-9]", done.stdout)
    assert re.search(
        r"\nLatency: p50 [\d.]+ s, p99 [\d.]+ s; 0\.0% of all requests found the queue full\.", done.stdout
    )
    assert re.search(
        r"\nMemory of the server: \d+ MB before, \d+ MB after; [\d.]+ faces a pass of its network\.\n", done.stdout
    )
    for way in ("the server", "`model.find`, 1 at once", "`model.find`, 32 at once"):
        assert re.search(rf"\n\| {way} \| [\d.]+ \| [\d.]+ \|", done.stdout)


def test_the_bomb_is_small_and_refused_by_what_it_declares():
    assert len(bomb()) < 10_000
    with pytest.raises(ValueError, match="a picture of 20000 x 20000 pixels is over the limit"):
        decode(bomb())


def test_a_status_that_is_not_right_for_its_kind_is_seen():
    asked = [Asked("a face", 200, 1.0), Asked("a face", 500, 1.0), Asked("garbage", 200, 1.0), Asked("a face", -1, 1.0)]
    assert Counter({("a face", 500): 1, ("garbage", 200): 1, ("a face", -1): 1}) == wrong(asked)
    assert 100 == sum(share for share, _ in KINDS.values())


def test_a_model_that_is_not_there_is_a_sentence(tmp_path):
    words = [sys.executable, "-m", "studies.serving", str(tmp_path / "away"), "--seconds", "1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert 1 == done.returncode
    assert "away holds no model: model.json is missing" in done.stderr
    assert done.stderr.endswith("serving: the server did not come up: it says why above\n")
