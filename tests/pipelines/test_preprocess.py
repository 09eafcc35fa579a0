"""Shards, and the batches made of them, do not depend on how many workers made them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import ray

from pipelines.params import load_params
from pipelines.training.batches import BatchMaker, local_batches, ray_batches
from pipelines.training.crops import Shards

TINY = Path(__file__).parents[1] / "tiny.yaml"
PREPROCESS = """
import sys, ray
from pathlib import Path
from pipelines.runtime import cluster
from pipelines.params import load_params
from pipelines.preprocess import preprocess
ray.init(num_cpus=int(sys.argv[1]), include_dashboard=False, log_to_driver=False, object_store_memory=10**8)
cluster.quiet()
preprocess(Path("artifacts/tiny/annotations/synthetic"), Path("data/synthetic"), load_params(), Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def project(make_project):
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    project.run("python", "-m", "pipelines.draw", "data/synthetic", "--num-faces", "60", "--size", "128")
    project.run("python", "-m", "pipelines.ingest", "data/synthetic", "artifacts/tiny/annotations/synthetic")
    for workers in ("1", "2"):
        project.run("python", "-c", PREPROCESS, workers, f"crops{workers}")
    return project


def test_shards_are_the_same_bytes_for_one_and_for_two_workers(project):
    hashes = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (project.root / name).iterdir()}
        for name in ("crops1", "crops2")
    ]
    assert len(hashes[0]) >= 4  # 60 faces, 16 a shard, three splits
    assert hashes[0] == hashes[1]


def test_ray_makes_the_batches_that_one_process_makes(project, local_ray):
    params = load_params(project.root / "params.yaml")
    config = params.model()
    crops = Shards.of(project.root / "crops1", "train").held()
    maker = BatchMaker(config.codec, params.augment, config.scheme, seed=3, batch_size=8, rank=1, world=2)
    expected = list(local_batches(maker, crops, 5, 40))
    batches = list(ray_batches(maker, ray.put(crops), 5, 40))
    assert len(expected) == len(batches) == 35
    for one, other in zip(expected, batches, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)
