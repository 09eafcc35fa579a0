"""COFW-68: relabelled test pictures of COFW."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from components.datasets import DATASETS
from components.samples import Annotation, Box
from components.schemes import IBUG68

DATASET = DATASETS["cofw68"]
GENUINE = Path(__file__).resolve().parents[4] / "shared" / "data" / "formats" / "cofw68"
CONTAINER = "COFW_test_color.mat"


@pytest.fixture
def root(tmp_path: Path, write_cofw: Callable) -> Path:
    """A folder with the pictures of 12 faces."""
    write_cofw(tmp_path / CONTAINER, "T", np.zeros((12, 29, 2)))
    return tmp_path


def write(root: Path, number: int, folder: str = "test_annotations", **changed: np.ndarray) -> None:
    (root / folder).mkdir(exist_ok=True)
    points = {"Points": np.arange(136.0).reshape(68, 2) + 1, "Occ": np.zeros((1, 68), np.uint8), **changed}
    kept = {name: value for name, value in points.items() if value is not None}
    scipy.io.savemat(root / folder / f"{number}_points.mat", kept)


def read(root: Path) -> list[Annotation]:
    return list(DATASET.read(root))


def test_one_is_subtracted_from_points_and_boxes(root: Path) -> None:
    write(root, 2)
    scipy.io.savemat(root / "cofw68_test_bboxes.mat", {"bboxes": np.array([[9, 9, 9, 9], [4, 5, 20, 30]], np.int16)})
    (face,) = read(root)
    # By hand: 1 2 as written is 0 1.
    assert [[0.0, 1.0], [2.0, 3.0]] == face.landmarks[:2].tolist()
    assert Box(3, 4, 23, 34) == face.box


def test_faces_come_by_number_and_are_all_for_testing(root: Path) -> None:
    for number in (10, 9, 2):
        write(root, number)
    faces = read(root)
    assert ["2", "9", "10"] == [face.face for face in faces] == [face.subject for face in faces]
    assert {"test"} == {face.split for face in faces}
    assert "COFW_test_color.mat#IsT/10" == faces[2].image


def test_occluded_points_are_not_visible(root: Path) -> None:
    occluded = np.zeros((1, 68), np.uint8)
    occluded[0, [0, 67]] = 1
    write(root, 1, Occ=occluded)
    (face,) = read(root)
    assert [0, 67] == np.flatnonzero(~face.visible).tolist()
    assert np.isfinite(face.landmarks).all()


def test_without_the_file_of_boxes_there_are_none(root: Path) -> None:
    write(root, 1)
    assert [None] == [face.box for face in read(root)]


def test_points_without_cofws_pictures_are_refused_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, 1)
    message = (
        f"{tmp_path} has no {CONTAINER}, COFW's own, which holds the pictures of 1 faces: put it there, or unpack "
        "COFW_color.zip there, which has it in common/xpburgos/behavior/code/pose/"
    )
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read(tmp_path)


@pytest.mark.parametrize(
    "place",
    [
        "",
        "common/xpburgos/behavior/code/pose/",
        "COFW_color/",
        "COFW68_Data/",
        "COFW68_Data/common/xpburgos/behavior/code/pose/",
    ],
)
def test_the_authors_repository_is_read_as_it_is_wherever_cofws_pictures_were_unpacked(
    tmp_path: Path, write_cofw: Callable, place: str
) -> None:
    write_cofw(tmp_path / place / CONTAINER, "T", np.zeros((2, 29, 2)))
    (tmp_path / "COFW68_Data").mkdir(exist_ok=True)
    write(tmp_path, 2, "COFW68_Data/test_annotations")
    boxes = {"bboxes": np.array([[9, 9, 9, 9], [4, 5, 20, 30]], np.int16)}
    scipy.io.savemat(tmp_path / "COFW68_Data/cofw68_test_bboxes.mat", boxes)
    (record,) = DATASET.records(tmp_path, IBUG68)
    assert ("2", "COFW68_Data/test_annotations/2_points.mat") == (record.face, record.where)
    (face,) = read(tmp_path)
    assert ("2", "2", Box(3, 4, 23, 34)) == (face.face, face.subject, face.box)
    assert f"{place}{CONTAINER}#IsT/2" == face.image
    assert (40, 60, 3) == DATASET.picture(tmp_path, face.image).shape


def test_two_files_of_one_number_are_two_records(root: Path) -> None:
    write(root, 2, "a"), write(root, 2, "b")
    assert ["2", "2:b/2_points.mat"] == [record.face for record in DATASET.records(root, IBUG68)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_box_that_is_not_finite_is_refused_and_costs_no_other(root: Path, bad: float) -> None:
    write(root, 1), write(root, 2)
    scipy.io.savemat(root / "cofw68_test_bboxes.mat", {"bboxes": np.array([[4, 5, bad, 30], [4, 5, 20, 30]])})
    first, second = DATASET.records(root, IBUG68)
    message = f"cofw68_test_bboxes.mat:bboxes[1]: an edge is NaN or infinite: 4.0 5.0 {bad} 30.0"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        DATASET.parse(root, IBUG68, first)
    assert "2" == DATASET.parse(root, IBUG68, second).face


def test_texts_in_place_of_numbers_are_refused(root: Path) -> None:
    names = np.empty((68, 1), object)
    names[:, 0] = "a"
    write(root, 1, Occ=names)
    with pytest.raises(ValueError, match=r"^test_annotations/1_points\.mat:Occ: expected numbers, got 68 texts$"):
        read(root)


@pytest.mark.parametrize("number", [0, 13])
def test_a_number_without_a_picture_is_refused_and_costs_no_other(root: Path, number: int) -> None:
    write(root, number), write(root, 12)
    records = {record.face.partition(":")[0]: record for record in DATASET.records(root, IBUG68)}
    message = f"test_annotations/{number}_points.mat: no picture {number} in {CONTAINER}:IsT, which has 12"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        DATASET.parse(root, IBUG68, records[str(number)])
    assert "12" == DATASET.parse(root, IBUG68, records["12"]).face


def test_a_container_without_the_pictures_is_refused_as_a_whole(tmp_path: Path, write_hdf5: Callable) -> None:
    write_hdf5(tmp_path / CONTAINER, bboxesT=np.zeros((12, 4)), phisT=np.zeros((12, 87)))
    write(tmp_path, 1)
    message = f"{CONTAINER}: has no variable 'IsT'; found: bboxesT, phisT"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        DATASET.records(tmp_path, IBUG68)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"Points": None}, "1_points.mat: has no variable 'Points'; found: Occ"),
        ({"Occ": None}, "1_points.mat: has no variable 'Occ'; found: Points"),
        ({"Points": np.zeros((67, 2))}, "1_points.mat: expected 68 landmarks, got 67"),
        ({"Points": np.zeros((68, 3))}, "1_points.mat:Points: expected 68 x 2, got (68, 3)"),
        ({"Occ": np.zeros((1, 67))}, "1_points.mat:Occ: expected 68 flags, got 67"),
    ],
)
def test_points_that_lack_something_are_refused_and_cost_no_other(root: Path, changed: dict, message: str) -> None:
    write(root, 1, **changed), write(root, 2)
    bad, good = DATASET.records(root, IBUG68)
    with pytest.raises(ValueError, match="^" + re.escape(f"test_annotations/{message}") + "$"):
        DATASET.parse(root, IBUG68, bad)
    assert "2" == DATASET.parse(root, IBUG68, good).face


def test_a_box_that_is_not_there_is_refused(root: Path) -> None:
    write(root, 3)
    scipy.io.savemat(root / "cofw68_test_bboxes.mat", {"bboxes": np.zeros((2, 4))})
    message = "cofw68_test_bboxes.mat:bboxes[3]: expected at least 3 x 4, got (2, 4)"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read(root)


@pytest.mark.skipif(not GENUINE.is_dir(), reason="the genuine samples are not here")
def test_genuine_points_and_boxes_are_read(tmp_path: Path, write_cofw: Callable) -> None:
    for path in GENUINE.glob("*.mat"):
        shutil.copy(path, tmp_path)
    write_cofw(tmp_path / CONTAINER, "T", np.zeros((507, 29, 2)), pictures=[np.zeros((2, 2), np.uint8)] * 507)
    faces = read(tmp_path)
    assert [str(number) for number in range(100, 106)] == [face.face for face in faces]
    # The first point of 100_points.mat is 72.364 38.264, 10 of its flags are 1; row 100 of the boxes is 70 29 121 118.
    np.testing.assert_allclose(faces[0].landmarks[0], [71.36411762, 37.26383361], atol=1e-5)
    assert 10 == (~faces[0].visible).sum()
    assert Box(69, 28, 190, 146) == faces[0].box
    for face in faces:
        middle = face.landmarks[17:].mean(axis=0)
        assert face.box is not None
        assert face.box.x0 < middle[0] < face.box.x1
        assert face.box.y0 < middle[1] < face.box.y1
