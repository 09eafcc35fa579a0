"""300W-LP: a MATLAB file beside each picture, or in `landmarks`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from components import images
from components.datasets import DATASETS
from components.schemes import IBUG68

DATASET = DATASETS["300w_lp"]
GENUINE = Path(__file__).resolve().parents[4] / "shared" / "data" / "formats" / "300wlp"
POINTS = np.arange(136.0).reshape(68, 2) + 1  # 1-based


@pytest.fixture
def face(tmp_path: Path, picture: bytes) -> Callable[..., None]:
    """Writes a picture and its points, beside it or apart."""

    def write(name: str, apart: bool = False, **variables: np.ndarray) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.jpg").write_bytes(picture)
        path = tmp_path / (f"landmarks/{name}_pts.mat" if apart else f"{name}.mat")
        path.parent.mkdir(parents=True, exist_ok=True)
        scipy.io.savemat(path, variables or ({"pts_2d": POINTS} if apart else {"pt2d": POINTS.T}))

    return write


@pytest.mark.parametrize("apart", [False, True])
def test_one_is_subtracted_from_either_file(tmp_path: Path, face: Callable, apart: bool) -> None:
    face("AFW/AFW_7_1_0", apart)
    (annotation,) = DATASET.read(tmp_path)
    # By hand: 1 2 as written is 0 1.
    assert [[0.0, 1.0], [2.0, 3.0]] == annotation.landmarks[:2].tolist()
    assert ("AFW/AFW_7_1_0", "AFW/AFW_7_1_0.jpg", "train") == (annotation.face, annotation.image, annotation.split)


def test_where_there_are_both_files_that_beside_the_picture_is_read(tmp_path: Path, face: Callable) -> None:
    face("AFW/AFW_7_1_0")
    face("AFW/AFW_7_1_0", apart=True, pts_2d=POINTS + 50)
    (annotation,) = DATASET.read(tmp_path)
    assert [0.0, 1.0] == annotation.landmarks[0].tolist()


def test_all_poses_faces_and_mirrored_pictures_of_a_photo_share_a_subject(tmp_path: Path, face: Callable) -> None:
    names = ["AFW/AFW_7_1_0", "AFW/AFW_7_1_12", "AFW/AFW_7_2_0", "AFW_Flip/AFW_7_1_0", "AFW/AFW_8_1_0"]
    names += ["IBUG/IBUG_image_003_1_0", "IBUG_Flip/IBUG_image_003_1_5", "HELEN/HELEN_7_1_0"]
    names += ["LFPW/LFPW_image_train_0001_3", "LFPW_Flip/LFPW_image_train_0001_4", "LFPW/LFPW_image_test_0001_3"]
    for name in names:
        face(name)
    subjects = {annotation.face: annotation.subject for annotation in DATASET.read(tmp_path)}
    # By hand: the photo's own number ends its name; the same number elsewhere is another photo.
    assert {"AFW_7", "AFW_8", "IBUG_image_003", "HELEN_7", "LFPW_image_train_0001", "LFPW_image_test_0001"} == set(
        subjects.values()
    )
    assert ["AFW_7"] * 4 == [subjects[name] for name in names[:4]]
    assert 1 == len({subjects[name] for name in names[5:7]}) == len({subjects[name] for name in names[8:10]})


def test_a_mirrored_set_counts_as_its_set(tmp_path: Path, face: Callable) -> None:
    face("HELEN/HELEN_7_1_0"), face("HELEN_Flip/HELEN_7_1_0")
    assert [("helen",), ("helen",)] == [annotation.subsets for annotation in DATASET.read(tmp_path)]


def test_the_sets_add_up_to_the_whole() -> None:
    # Zhu et al., CVPR 2016, section 5: 61,225, and as many mirrored.
    complete = DATASET.complete
    assert 122_450 == complete["train"] == sum(complete[name] for name in ("afw", "helen", "ibug", "lfpw"))


def test_a_picture_without_points_and_points_without_a_picture_are_refused_and_cost_no_other(
    tmp_path: Path, face: Callable
) -> None:
    for i in (1, 2, 3):
        face(f"AFW/AFW_{i}_1_0")
    (tmp_path / "AFW/AFW_1_1_0.mat").unlink()
    (tmp_path / "AFW/AFW_2_1_0.jpg").unlink()
    no_points, no_picture, good = DATASET.records(tmp_path, IBUG68)
    with pytest.raises(ValueError, match="^" + re.escape("AFW/AFW_1_1_0.mat: No such file or directory") + "$"):
        DATASET.parse(tmp_path, IBUG68, no_points)
    message = "AFW/AFW_2_1_0.mat: its picture AFW/AFW_2_1_0.jpg is missing"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        DATASET.parse(tmp_path, IBUG68, no_picture)
    assert "AFW/AFW_3_1_0" == DATASET.parse(tmp_path, IBUG68, good).face


@pytest.mark.parametrize(
    ("apart", "variables", "message"),
    [
        (False, {"pts_2d": POINTS}, "AFW/AFW_7_1_0.mat: has no variable 'pt2d'; found: pts_2d"),
        (False, {"pt2d": POINTS}, "AFW/AFW_7_1_0.mat:pt2d: expected 2 x K, got (68, 2)"),
        (False, {"pt2d": POINTS[:67].T}, "AFW/AFW_7_1_0.mat: expected 68 landmarks, got 67"),
        (
            False,
            {"pt2d": np.where(POINTS == 8, np.nan, POINTS).T},
            # By hand: 8 is the y of number 3.
            "AFW/AFW_7_1_0.mat: 1 landmarks are NaN or infinite, the first is number 3",
        ),
        (True, {"pt2d": POINTS}, "landmarks/AFW/AFW_7_1_0_pts.mat: has no variable 'pts_2d'; found: pt2d"),
        (True, {"pts_2d": POINTS.T}, "landmarks/AFW/AFW_7_1_0_pts.mat:pts_2d: expected K x 2, got (2, 68)"),
    ],
)
def test_points_that_lack_something_are_refused(
    tmp_path: Path, face: Callable, apart: bool, variables: dict, message: str
) -> None:
    face("AFW/AFW_7_1_0", apart, **variables)
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        list(DATASET.read(tmp_path))


def test_a_file_that_is_cut_off_is_refused_and_costs_no_other(tmp_path: Path, face: Callable) -> None:
    face("AFW/AFW_1_1_0"), face("AFW/AFW_2_1_0")
    path = tmp_path / "AFW/AFW_1_1_0.mat"
    path.write_bytes(path.read_bytes()[:300])
    bad, good = DATASET.records(tmp_path, IBUG68)
    with pytest.raises(ValueError, match=r"^AFW/AFW_1_1_0\.mat: damaged, cut off or no \.mat file: "):
        DATASET.parse(tmp_path, IBUG68, bad)
    assert "AFW/AFW_2_1_0" == DATASET.parse(tmp_path, IBUG68, good).face


@pytest.mark.skipif(not GENUINE.is_dir(), reason="the genuine samples are not here")
def test_genuine_faces_written_natively_are_read_within_their_pictures(tmp_path: Path) -> None:
    # The samples' JSON has the points as the native files do.
    genuine = json.loads((GENUINE / "test_300wlp.json").read_text())
    (tmp_path / "AFW").mkdir()
    for picture, face in zip(genuine["images"], genuine["annotations"], strict=True):
        stem = tmp_path / "AFW" / picture["file_name"].removesuffix(".jpg")
        stem.with_suffix(".jpg").write_bytes((GENUINE / picture["file_name"]).read_bytes())
        points = np.array(face["keypoints"]).reshape(68, 3)[:, :2]
        scipy.io.savemat(stem.with_suffix(".mat"), {"pt2d": points.T})
    faces = list(DATASET.read(tmp_path))
    assert ["AFW_134212", "AFW_134212"] == [annotation.subject for annotation in faces]
    for annotation in faces:
        height, width = images.read(tmp_path, annotation.image).shape[:2]
        assert (annotation.landmarks >= 0).all()
        assert (annotation.landmarks < [width, height]).all()
        assert annotation.landmarks[36, 0] < annotation.landmarks[45, 0]  # right eye left of the left one
