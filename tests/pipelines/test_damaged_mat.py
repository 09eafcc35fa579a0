"""The real command on `.mat` files that crash their parser, or hold what they should not: one face, or one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.io

TINY = Path(__file__).parents[1] / "tiny.yaml"
# Where a file of one variable of four letters has the type of its numbers' element, and SciPy looks up what a type is.
TYPE_OF_NUMBERS = 176


@pytest.fixture
def project(make_project):
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    return project


def ingest(project, reader: str, scheme: str):
    project.edit(
        "params.yaml", ("reader: synthetic", f"reader: {reader}"), ("  synthetic:\n", f"  {reader}:\n"), ("scheme: ibug68", f"scheme: {scheme}")
    )  # fmt: skip
    return project.run(
        "python", "-m", "pipelines.ingest", f"data/{reader}", "artifacts/tiny/annotations/read", check=False
    )


def crash(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[TYPE_OF_NUMBERS] = 0xFF
    path.write_bytes(content)


def test_a_file_that_crashes_its_parser_costs_one_face(project):
    folder = project.root / "data/300w_lp/AFW"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(40):
        cv2.imwrite(str(folder / f"AFW_{i}_1_0.jpg"), rng.integers(0, 255, (80, 80, 3)).astype(np.uint8))
        scipy.io.savemat(folder / f"AFW_{i}_1_0.mat", {"pt2d": rng.uniform(10, 70, (2, 68))})
    crash(folder / "AFW_7_1_0.mat")
    done = ingest(project, "300w_lp", "ibug68")
    assert done.returncode == 0, done.stderr
    assert "39 faces" in done.stdout
    (rejected,) = pq.read_table(project.root / "artifacts/tiny/annotations/read/rejected.parquet").to_pylist()
    assert "AFW/AFW_7_1_0" == rejected["face"]
    assert rejected["reason"] in [
        f"AFW/AFW_7_1_0.mat: its parser crashed ({signal}): damaged" for signal in ("SIGSEGV", "SIGBUS")
    ]


def test_the_one_file_of_a_dataset_that_crashes_its_parser_is_a_sentence(project):
    root = project.root / "data/aflw19"
    root.mkdir(parents=True)
    scipy.io.savemat(root / "AFLWinfo_release.mat", {"data": np.zeros((3, 38)), "bbox": np.zeros((3, 4))})
    crash(root / "AFLWinfo_release.mat")
    done = ingest(project, "aflw19", "aflw19")
    assert 1 == done.returncode
    assert done.stderr.startswith("ingest: AFLWinfo_release.mat: its parser crashed (SIG")
    assert 1 == len(done.stderr.splitlines())


def test_pictures_of_cofw_that_are_too_large_or_lie_elsewhere_cost_their_faces(project):
    root = project.root / "data/cofw/common/xpburgos/behavior/code/pose"
    root.mkdir(parents=True)
    (project.root / "secret").write_bytes(bytes(80 * 80 * 3))
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.uniform(10, 70, (40, 58)), np.zeros((40, 29))], axis=1)
    with h5py.File(root / "COFW_train_color.mat", "w") as mat:
        cells = mat.create_dataset("IsTr", (1, 40), h5py.ref_dtype)
        for i in range(40):
            given = {"data": rng.integers(0, 255, (3, 80, 80)).astype(np.uint8)}
            if i == 3:
                given = {"shape": (3, 60_000, 60_000), "dtype": np.uint8, "chunks": (1, 1000, 1000)}
            if i == 7:
                given = {
                    "shape": (3, 80, 80),
                    "dtype": np.uint8,
                    "external": [(str(project.root / "secret"), 0, 19200)],
                }
            cells[0, i] = mat.create_dataset(f"#refs#/{i}", **given).ref
        mat["bboxesTr"], mat["phisTr"] = np.tile([[5.0], [5.0], [70.0], [70.0]], (1, 40)), rows.T
    done = ingest(project, "cofw", "cofw29")
    assert done.returncode == 0, done.stderr
    assert "38 faces" in done.stdout
    rejected = pq.read_table(project.root / "artifacts/tiny/annotations/read/rejected.parquet").to_pylist()
    # MATLAB counts from 1.
    assert ["train/4", "train/8"] == [row["face"] for row in rejected]
    assert "picture of 60000 x 60000 pixels is over the limit of 100,000,000" in rejected[0]["reason"]
    assert rejected[1]["reason"].endswith("#IsTr/8: IsTr{8} is kept in another place, which is not read")
