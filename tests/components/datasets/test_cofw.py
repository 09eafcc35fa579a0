"""COFW: two MATLAB 7.3 files with pictures, boxes, landmarks and occlusion in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components import images
from components.datasets import DATASETS
from components.samples import Box
from components.schemes import COFW29

DATASET = DATASETS["cofw"]
GENUINE = Path(__file__).resolve().parents[4] / "shared" / "data" / "formats" / "cofw"
TRAIN, TEST = "COFW_train_color.mat", "COFW_test_color.mat"
FACES = np.arange(2 * 29 * 2.0).reshape(2, 29, 2)


def test_one_is_subtracted_from_landmarks_and_boxes(tmp_path: Path, write_hdf5: Callable) -> None:
    # By hand: 29 x, 29 y, 29 flags; the first landmark at MATLAB's (11, 31).
    row = np.concatenate([11 + np.arange(29.0), 31 + np.arange(29.0), np.zeros(29)])[None]
    write_hdf5(tmp_path / TEST, IsT=[np.zeros((9, 9), np.uint8)], bboxesT=np.array([[4.0, 5, 20, 30]]), phisT=row)
    (face,) = DATASET.read(tmp_path)
    assert [[10.0, 30.0], [11.0, 31.0]] == face.landmarks[:2].tolist()
    assert Box(3, 4, 23, 34) == face.box


def test_occluded_landmarks_keep_their_position_and_are_not_visible(tmp_path: Path, write_cofw: Callable) -> None:
    flags = np.zeros((2, 29))
    flags[1, [3, 28]] = 1
    write_cofw(tmp_path / TEST, "T", FACES, flags=flags)
    first, second = DATASET.read(tmp_path)
    assert first.visible.all()
    assert [3, 28] == np.flatnonzero(~second.visible).tolist()
    np.testing.assert_array_equal(FACES[1], second.landmarks)


def test_the_file_says_the_split_and_each_face_is_a_subject(tmp_path: Path, write_cofw: Callable) -> None:
    write_cofw(tmp_path / TRAIN, "Tr", FACES)
    write_cofw(tmp_path / TEST, "T", FACES)
    faces = list(DATASET.read(tmp_path))
    assert ["train", "train", "test", "test"] == [face.split for face in faces]
    assert ["train/1", "train/2", "test/1", "test/2"] == [face.face for face in faces] == [f.subject for f in faces]
    # MATLAB's IsT{2}.
    assert ["COFW_train_color.mat#IsTr/1", "COFW_test_color.mat#IsT/2"] == [faces[0].image, faces[3].image]


def test_gray_and_coloured_pictures_of_any_size_are_read(tmp_path: Path, write_cofw: Callable) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    write_cofw(tmp_path / TEST, "T", FACES, pictures=[colour, colour[:3, :, 1]])
    first, second = (DATASET.picture(tmp_path, face.image) for face in DATASET.read(tmp_path))
    np.testing.assert_array_equal(colour, first)
    np.testing.assert_array_equal(colour[:3, :, [1, 1, 1]], second)


def test_one_of_the_files_is_enough(tmp_path: Path, write_cofw: Callable) -> None:
    write_cofw(tmp_path / TRAIN, "Tr", FACES)
    assert 2 == len(list(DATASET.read(tmp_path)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_box_that_is_not_finite_is_refused_and_costs_no_other(
    tmp_path: Path, write_cofw: Callable, bad: float
) -> None:
    write_cofw(tmp_path / TEST, "T", FACES, boxes=[[5.0, bad, 20.0, 30.0], [5.0, 6.0, 20.0, 30.0]])
    first, second = DATASET.records(tmp_path, COFW29)
    message = f"{TEST}:bboxesT[1]: an edge is NaN or infinite: 5.0 {bad} 20.0 30.0"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        DATASET.parse(tmp_path, COFW29, first)
    assert "test/2" == DATASET.parse(tmp_path, COFW29, second).face


# As COFW_color.zip unpacks itself, with and without a folder of its name.
@pytest.mark.parametrize("place", ["common/xpburgos/behavior/code/pose/", "COFW_color/"])
@pytest.mark.parametrize("moved", [False, True])
def test_the_files_are_found_where_the_zip_unpacks_them_and_faces_keep_their_names(
    tmp_path: Path, write_cofw: Callable, place: str, moved: bool
) -> None:
    write_cofw(tmp_path / place / TRAIN, "Tr", FACES)
    write_cofw(tmp_path / ("" if moved else place) / TEST, "T", FACES)
    faces = list(DATASET.read(tmp_path))
    assert ["train/1", "train/2", "test/1", "test/2"] == [face.face for face in faces] == [f.subject for f in faces]
    assert f"{place}{TRAIN}#IsTr/1" == faces[0].image
    assert all((40, 60, 3) == DATASET.picture(tmp_path, face.image).shape for face in faces)


def test_an_occluded_landmark_of_nan_is_refused_and_costs_no_other(tmp_path: Path, write_cofw: Callable) -> None:
    faces, flags = FACES.copy(), np.zeros((2, 29))
    faces[0, 4], flags[0, 4] = np.nan, 1
    write_cofw(tmp_path / TEST, "T", faces, flags=flags)
    bad, good = DATASET.records(tmp_path, COFW29)
    message = f"{TEST}:phisT[1]: 1 landmarks are NaN or infinite, the first is number 4"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        DATASET.parse(tmp_path, COFW29, bad)
    assert "test/2" == DATASET.parse(tmp_path, COFW29, good).face


@pytest.mark.parametrize(
    ("variable", "found"), [("IsT", "bboxesT, phisT"), ("bboxesT", "IsT, phisT"), ("phisT", "IsT, bboxesT")]
)
def test_a_missing_variable_is_named(tmp_path: Path, write_hdf5: Callable, variable: str, found: str) -> None:
    variables = {"IsT": [np.zeros((9, 9), np.uint8)], "bboxesT": np.zeros((1, 4)), "phisT": np.zeros((1, 87))}
    del variables[variable]
    write_hdf5(tmp_path / TEST, **variables)
    message = f"{TEST}: has no variable '{variable}'; found: {found}"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        list(DATASET.read(tmp_path))


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_pictures_than_rows_is_refused(tmp_path: Path, write_cofw: Callable, count: int) -> None:
    write_cofw(tmp_path / TEST, "T", FACES, pictures=[np.zeros((9, 9), np.uint8)] * count)
    message = f"{TEST}:IsT: expected 2 pictures, got {count}"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        list(DATASET.read(tmp_path))


@pytest.mark.parametrize(
    ("boxes", "marks", "message"),
    [
        (np.zeros((2, 4)), np.zeros((2, 86)), "phisT: expected n x 87, got 2 x 86"),
        (np.zeros((1, 4)), np.zeros((2, 87)), "bboxesT: expected 2 x 4, got 1 x 4"),
    ],
)
def test_variables_of_another_shape_are_refused(
    tmp_path: Path, write_hdf5: Callable, boxes: np.ndarray, marks: np.ndarray, message: str
) -> None:
    write_hdf5(tmp_path / TEST, IsT=[np.zeros((9, 9), np.uint8)], bboxesT=boxes, phisT=marks)
    with pytest.raises(ValueError, match="^" + re.escape(f"{TEST}:{message}") + "$"):
        DATASET.records(tmp_path, COFW29)


def test_a_file_that_is_cut_off_is_refused_and_no_part_of_it_read(tmp_path: Path, write_cofw: Callable) -> None:
    write_cofw(tmp_path / TRAIN, "Tr", FACES)
    write_cofw(tmp_path / TEST, "T", FACES)
    (tmp_path / TEST).write_bytes((tmp_path / TEST).read_bytes()[:-500])
    with pytest.raises(ValueError, match="^" + re.escape(f"{TEST}: damaged, cut off or no .mat file: ")):
        DATASET.records(tmp_path, COFW29)


@pytest.mark.skipif(not GENUINE.is_dir(), reason="the genuine samples are not here")
def test_genuine_faces_written_natively_are_read_within_their_pictures(tmp_path: Path, write_cofw: Callable) -> None:
    # The samples' JSON is by MMPose's converter: 1 subtracted from landmarks, not from boxes; 1 = occluded, 2 = not.
    genuine = json.loads((GENUINE / "test_cofw.json").read_text())
    marks = np.array([face["keypoints"] for face in genuine["annotations"]]).reshape(-1, 29, 3)
    pictures = [images.read(GENUINE, picture["file_name"]) for picture in genuine["images"]]
    boxes = [face["bbox"] for face in genuine["annotations"]]
    write_cofw(tmp_path / TEST, "T", marks[..., :2], flags=2 - marks[..., 2], boxes=boxes, pictures=pictures)
    for face, marked, picture in zip(DATASET.read(tmp_path), marks, pictures, strict=True):
        np.testing.assert_allclose(face.landmarks, marked[:, :2], atol=1e-4)
        assert (marked[:, 2] == 2).tolist() == face.visible.tolist()
        np.testing.assert_array_equal(picture, DATASET.picture(tmp_path, face.image))
        height, width = picture.shape[:2]
        assert (face.landmarks >= 0).all()
        assert (face.landmarks < [width, height]).all()
        # The scheme's names: the right eye, nose and chin of these upright faces, and left beyond right.
        marked_by = dict(zip(COFW29.names, face.landmarks, strict=True))
        assert marked_by["right_eye_0"][0] < marked_by["right_pupil_0"][0] < marked_by["right_eye_1"][0]
        assert marked_by["left_eye_1"][0] < marked_by["left_pupil_0"][0] < marked_by["left_eye_0"][0]
        heights = [marked_by[name][1] for name in ("left_pupil_0", "nose_1", "upper_lip_0", "lower_lip_1", "chin_0")]
        assert sorted(heights) == heights
