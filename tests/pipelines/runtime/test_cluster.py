"""Training on more workers and more nodes: the Siamese recipe, to its end."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from components.model import LandmarkModel
from pipelines.params import Params, load_params
from pipelines.runtime.environment import ROOT
from pipelines.training.crops import Shards
from pipelines.training.loop import Plan
from pipelines.training.ray_workers import check_resources, scaling
from pipelines.training.workers import LocalWorker, Training

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[2] / "tiny.yaml"
TRAIN = ("python", "-m", "pipelines.train", "artifacts/tiny/crops", "artifacts/tiny/model", "reports/tiny/curves.csv")


def siamese(**train: object) -> dict:
    """SHR-FAN's shape at a size for tests: two views, a FAN of two modules, a fitted temperature."""
    fields = yaml.safe_load(TINY.read_text())
    fields["codec"] = {"name": "subpixel", "stride": 4, "sigma": 1.5, "window": 5, "temperature": 10.0}
    fields["network"] = {"name": "fan", "modules": 2, "depth": 2, "features": 16}
    fields["loss"].update(heatmap="mse", num_views=2, siamese_weight=1.0)
    fields["train"].update({"epochs": 4, "evaluations": 2, "fit_temperature": True, **train})
    return fields


@pytest.fixture(scope="module")
def project(make_project):
    """A project with crops of drawn faces."""
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "48", "--size", "128")
    project.run("python", "-m", "pipelines.ingest", "data/synthetic", "artifacts/tiny/annotations/synthetic")
    parts = [f"artifacts/tiny/{part}/synthetic" for part in ("annotations", "crops")]
    project.run("python", "-m", "pipelines.preprocess", parts[0], "data/synthetic", parts[1])
    return project


def train(project, num_workers: int, **environment: str) -> str:
    """Trains the Siamese recipe, and checks that it came to its end."""
    # Else an equal training, on another cluster, would be found finished.
    for made in ("artifacts/tiny/model", "runs"):
        shutil.rmtree(project.root / made, ignore_errors=True)
    (project.root / "params.yaml").write_text(yaml.safe_dump(siamese(num_workers=num_workers)))
    said = project.run(*TRAIN, **environment).stdout
    assert "train: epoch 4/4" in said
    assert re.search(r"train: temperature [0-9.]+ fits the validation faces best", said), said
    model = LandmarkModel.load(project.root / "artifacts/tiny/model")
    assert all(value.isfinite().all() for value in model.state_dict().values())
    return said


@pytest.mark.parametrize("num_workers", [2, 4])
def test_the_siamese_recipe_trains_on_two_and_on_four_workers(project, num_workers):
    train(project, num_workers)


def test_the_siamese_recipe_trains_on_two_nodes(project, ray_nodes):
    # Four workers do not fit on a node of three CPUs.
    with ray_nodes(num_cpus=3) as two_nodes:
        train(project, 4, **two_nodes)


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(ROOT / "recipes" / "demo.yaml")


def test_eight_gpus_on_two_nodes_are_parameters_alone(params: Params) -> None:
    gpus = params.model_copy(update={"train": params.train.model_copy(update={"num_workers": 8, "use_gpu": True})})
    config = scaling(gpus)
    assert (8, True) == (config.num_workers, config.use_gpu)
    # Each worker a GPU: nodes of four hold four workers each.
    assert {"GPU": 8.0} == {name: value for name, value in config.total_resources.items() if name == "GPU"}
    assert 1 == config.num_gpus_per_worker
    check_resources(gpus, {"GPU": 8.0, "CPU": 8.0})


@pytest.mark.parametrize(
    ("train", "has", "message"),
    [
        ({"num_workers": 8, "use_gpu": True}, {"GPU": 4, "CPU": 64}, "takes as many GPUs, and there are 4"),
        ({"num_workers": 2, "use_gpu": True}, {"CPU": 64}, "takes as many GPUs, and there are 0"),
        (
            {"num_workers": 4, "use_gpu": False},
            {"CPU": 4},
            "train.num_workers 4 takes 5 CPUs, one of them for the data",
        ),
        ({"num_workers": 1, "use_gpu": True}, {"GPU": 1}, "train.num_workers 1 takes 1 CPUs, one of them for the data"),
    ],
)
def test_a_cluster_that_is_too_small_is_refused_at_once(params: Params, train: dict, has: dict, message: str) -> None:
    wanted = params.model_copy(update={"train": params.train.model_copy(update=train)})
    with pytest.raises(ValueError, match=message):
        check_resources(wanted, has)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_said(params: Params, tmp_path: Path) -> None:
    wanted = params.model_copy(update={"train": params.train.model_copy(update={"use_gpu": True})})
    nothing = Shards((), (), 0)
    with pytest.raises(ValueError, match=r"torch finds no GPU here: set train.use_gpu: false"):
        LocalWorker(Training("key", wanted, Plan(1, frozenset({1})), (nothing,), nothing, None), tmp_path, print)
