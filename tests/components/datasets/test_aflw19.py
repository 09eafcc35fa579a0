"""AFLW-19: one MATLAB file of faces, AFLW's pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components import images
from components.datasets import DATASETS, aflw19
from components.samples import Box
from components.schemes import AFLW19

DATASET = DATASETS["aflw19"]
GENUINE = Path(__file__).resolve().parents[4] / "shared" / "data" / "formats" / "aflw"
FILE = "AFLWinfo_release.mat"
FACES = np.arange(3 * 19 * 2.0).reshape(3, 19, 2)


@pytest.fixture
def root(tmp_path: Path, picture: bytes) -> Path:
    """A folder with the pictures that `write_aflw19` names."""
    (tmp_path / "flickr/0").mkdir(parents=True)
    for i in range(3):
        (tmp_path / f"flickr/0/image{i:05d}.jpg").write_bytes(picture)
    return tmp_path


def test_nothing_is_subtracted_and_a_row_is_19_x_and_then_19_y(root: Path, write_aflw19: Callable) -> None:
    rows = np.tile(np.concatenate([100 + np.arange(19.0), 200 + np.arange(19.0)]), (3, 1))
    write_aflw19(root, FACES, data=rows)
    face = next(DATASET.read(root))
    assert [[100.0, 200.0], [101.0, 201.0]] == face.landmarks[:2].tolist()


@pytest.mark.parametrize("row", [[1, 20, 3, 40], [20, 1, 40, 3]])
def test_a_box_is_x_min_x_max_y_min_y_max_in_either_order(root: Path, write_aflw19: Callable, row: list) -> None:
    write_aflw19(root, FACES, bbox=np.tile(np.array(row, float), (3, 1)))
    assert Box(1, 3, 20, 40) == next(DATASET.read(root)).box


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_box_that_is_not_finite_is_refused_and_costs_no_other(
    root: Path, write_aflw19: Callable, place: int, bad: float
) -> None:
    boxes = np.tile([1.0, 20.0, 3.0, 40.0], (3, 1))
    boxes[1, place] = bad
    write_aflw19(root, FACES, bbox=boxes)
    first, second, _ = DATASET.records(root, AFLW19)
    message = f"{FILE}:bbox[2]: an edge is NaN or infinite: {' '.join(map(str, boxes[1].tolist()))}"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        DATASET.parse(root, AFLW19, second)
    assert Box(1, 3, 20, 40) == DATASET.parse(root, AFLW19, first).box


def test_the_first_of_the_permutation_are_for_training(
    root: Path, write_aflw19: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aflw19, "NUM_TRAIN", 2)  # of the genuine one's 20,000
    write_aflw19(root, FACES, ra=np.array([[3.0, 1.0, 2.0]]))
    # By hand: MATLAB's rows 3 and 1 come first.
    faces = list(DATASET.read(root))
    assert ["train", "test", "train"] == [face.split for face in faces]
    assert [(), ("full", "frontal"), ()] == [face.subsets for face in faces]


def test_a_test_face_with_a_hidden_landmark_is_not_frontal(
    root: Path, write_aflw19: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aflw19, "NUM_TRAIN", 0)
    visible = np.ones((3, 19), np.uint8)
    visible[1, 4] = 0
    write_aflw19(root, FACES, mask_new=visible)
    faces = list(DATASET.read(root))
    assert [("full", "frontal"), ("full",), ("full", "frontal")] == [face.subsets for face in faces]
    assert [4] == np.flatnonzero(~faces[1].visible).tolist()
    np.testing.assert_array_equal(FACES[1], faces[1].landmarks)  # its position stays


def test_faces_of_one_photo_are_told_apart_and_share_a_subject(root: Path, write_aflw19: Callable) -> None:
    write_aflw19(root, FACES, names=["0/image00001.jpg", "0/image00002.jpg", "0/image00001.jpg"])
    faces = list(DATASET.read(root))
    assert ["0/image00001.jpg:1", "0/image00002.jpg:2", "0/image00001.jpg:3"] == [face.face for face in faces]
    assert ["0/image00001.jpg", "0/image00002.jpg", "0/image00001.jpg"] == [face.subject for face in faces]


@pytest.mark.parametrize("folder", ["flickr/0", "data/flickr/0", "aflw/data/flickr/0"])
@pytest.mark.parametrize("name", ["0/a.jpg", "a.jpg"])
def test_pictures_are_found_where_aflw_unpacks_them(
    tmp_path: Path, picture: bytes, write_aflw19: Callable, folder: str, name: str
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "a.jpg").write_bytes(picture)
    write_aflw19(tmp_path, FACES[:1], names=[name])
    assert [f"{folder}/a.jpg"] == [face.image for face in DATASET.read(tmp_path)]


def test_a_picture_that_is_absent_costs_only_its_face(root: Path, write_aflw19: Callable) -> None:
    (root / "flickr/0/image00001.jpg").unlink()
    write_aflw19(root, FACES)
    first, bad, last = DATASET.records(root, AFLW19)
    message = f"{FILE}:data[2]: its picture flickr/0/image00001.jpg is missing (nor at 3 other places)"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        DATASET.parse(root, AFLW19, bad)
    assert ["0/image00000.jpg:1", "0/image00002.jpg:3"] == [
        DATASET.parse(root, AFLW19, record).face for record in (first, last)
    ]


@pytest.mark.parametrize("variable", ["nameList", "bbox", "data", "mask_new", "ra"])
def test_a_missing_variable_is_named(root: Path, write_aflw19: Callable, variable: str) -> None:
    write_aflw19(root, FACES, without=variable)
    with pytest.raises(ValueError, match="^" + re.escape(f"{FILE}: has no variable '{variable}'; found: ")):
        DATASET.records(root, AFLW19)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bbox": np.zeros((2, 4))}, "bbox: expected 3 x 4, got 2 x 4"),
        ({"data": np.zeros((3, 37))}, "data: expected 3 x 38, got 3 x 37"),
        ({"mask_new": np.zeros((3, 18))}, "mask_new: expected 3 x 19, got 3 x 18"),
        ({"names": ["a", "b", "c"], "nameList": np.array([["a"], ["b"]], object)}, "nameList: expected 3, got 2"),
        ({"ra": np.array([[1.0, 2.0, 2.0]])}, "ra: expected a permutation of 1..3"),
        ({"ra": np.array([[1.0, 2.0]])}, "ra: expected a permutation of 1..3"),
    ],
)
def test_variables_that_do_not_fit_each_other_are_refused(
    root: Path, write_aflw19: Callable, changed: dict, message: str
) -> None:
    write_aflw19(root, FACES, **changed)
    with pytest.raises(ValueError, match="^" + re.escape(f"{FILE}:{message}") + "$"):
        DATASET.records(root, AFLW19)


def test_a_file_that_is_cut_off_is_refused(root: Path, write_aflw19: Callable) -> None:
    write_aflw19(root, FACES)
    (root / FILE).write_bytes((root / FILE).read_bytes()[:-200])
    with pytest.raises(ValueError, match="^" + re.escape(f"{FILE}: damaged, cut off or no .mat file: ")):
        DATASET.records(root, AFLW19)


def test_the_same_in_matlabs_newer_format_is_read_alike(root: Path, write_hdf5: Callable) -> None:
    rows = np.concatenate([FACES[..., 0], FACES[..., 1]], axis=1)
    variables = {"bbox": np.ones((3, 4)), "data": rows, "mask_new": np.ones((3, 19)), "ra": np.array([[1.0, 2, 3]])}
    write_hdf5(root / FILE, nameList=[f"0/image{i:05d}.jpg" for i in range(3)], **variables)
    for face, expected in zip(DATASET.read(root), FACES, strict=True):
        np.testing.assert_array_equal(expected, face.landmarks)


@pytest.mark.skipif(not GENUINE.is_dir(), reason="the genuine samples are not here")
def test_genuine_faces_written_natively_are_read_within_their_pictures(tmp_path: Path, write_aflw19: Callable) -> None:
    genuine = json.loads((GENUINE / "test_aflw.json").read_text())
    marks = np.array([face["keypoints"] for face in genuine["annotations"]]).reshape(-1, 19, 3)[..., :2]
    names = [picture["file_name"] for picture in genuine["images"]]
    (tmp_path / "flickr/0").mkdir(parents=True)
    for name in names:
        (tmp_path / "flickr/0" / name).write_bytes((GENUINE / name).read_bytes())
    write_aflw19(tmp_path, marks, names=[f"0/{name}" for name in names])
    for face in DATASET.read(tmp_path):
        height, width = images.read(tmp_path, face.image).shape[:2]
        assert (face.landmarks >= 0).all()
        assert (face.landmarks < [width, height]).all()
        # The scheme's names: outer, centre and inner of the right eye, then the left eye's; the chin lowest.
        marked_by = dict(zip(AFLW19.names, face.landmarks, strict=True))
        eyes = [marked_by[f"{side}_eye_{i}"][0] for side in ("right", "left") for i in range(3)]
        assert sorted(eyes) == eyes
        heights = [marked_by[name][1] for name in ("left_eye_1", "nose_0", "mouth_0", "chin_0")]
        assert sorted(heights) == heights
