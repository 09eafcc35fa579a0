"""A training from a laid-down start, by the command and two Ray workers: all begin with the parent's weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from components.model import LandmarkModel
from components.model_file import sha256
from pipelines.params import load_params
from pipelines.registry.start import Start

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[2] / "tiny.yaml"
TRAIN = ("python", "-m", "pipelines.train", "artifacts/tiny/crops", "artifacts/tiny/model", "reports/tiny/curves.csv")
# Steps of so small a rate move nothing but what is 0, so what comes out is what went in; another sigma may be learnt.
STILL = (("epochs: 6", "epochs: 1"), ("evaluations: 3", "evaluations: 1"), ("lr: 0.01", "lr: 1.0e-30"),
         ("weight_decay: 0.01", "weight_decay: 0.0"), ("sigma: 0.8", "sigma: 1.0"), ('start_from: ""', "start_from: elsewhere"))  # fmt: skip


def test_two_workers_start_from_the_parent(make_project):
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "48", "--size", "128")
    project.run("python", "-m", "pipelines.ingest", "data/synthetic", "artifacts/tiny/annotations/synthetic")
    places = ("artifacts/tiny/annotations/synthetic", "data/synthetic", "artifacts/tiny/crops/synthetic")
    project.run("python", "-m", "pipelines.preprocess", *places)
    folder = project.root / "data/starts/tiny"
    folder.mkdir(parents=True)
    torch.manual_seed(7)
    parent = LandmarkModel(load_params(TINY).model())
    parent.save(folder)
    laid = Start("elsewhere", "elsewhere", "", "k", sha256(folder / "model.safetensors"))
    (folder / "start.json").write_text(json.dumps(asdict(laid)))
    project.edit("params.yaml", *STILL)

    said = project.run(*TRAIN).stdout
    assert f"train: starts from elsewhere (training k, weights {laid.weights_sha256[:12]})" in said
    assert "train: codec.sigma is 0.8 there and 1.0 here" in said
    trained = load_file(project.root / "artifacts/tiny/model/model.safetensors")
    for name, value in parent.network.named_parameters():
        torch.testing.assert_close(value.detach(), trained[name], rtol=0, atol=1e-25, msg=name)
    assert asdict(laid) == json.loads((project.root / "artifacts/tiny/model/training.json").read_text())["start"]
