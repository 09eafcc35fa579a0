"""MERL-RAV: signed `.pts` on AFLW's pictures."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.datasets import DATASETS
from components.samples import Annotation
from components.schemes import IBUG68

DATASET = DATASETS["merl_rav"]
GENUINE = Path(__file__).resolve().parents[4] / "shared" / "data" / "formats" / "merl_rav"
LABELS = "merl_rav_labels/frontal/testset/labels"


@pytest.fixture
def write(tmp_path: Path, picture: bytes) -> Callable[..., None]:
    """Writes a `.pts` of 68 lines 10 20, but for the first ones given, and a picture."""

    def write_face(
        lines: tuple[str, ...] = (), name: str = f"{LABELS}/image00019", image: str = "aflw/flickr/0/image00019.jpg"
    ) -> None:
        body = [*lines, *["10 20"] * (68 - len(lines))]
        path = tmp_path / f"{name}.pts"
        path.parent.mkdir(parents=True, exist_ok=True)
        # As released: two spaces after the colon, and no line end after the brace.
        path.write_text("\n".join(["version: 1", "n_points:  68", "{", *body, "}"]))
        (tmp_path / image).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / image).write_bytes(picture)

    return write_face


def read(root: Path) -> list[Annotation]:
    return list(DATASET.read(root))


def test_signs_say_who_is_hidden_and_one_is_subtracted_from_the_magnitude(tmp_path: Path, write: Callable) -> None:
    write(("3 4.5", "-5 -6.25", "-1 -1", "-7 8"))
    (face,) = read(tmp_path)
    # By hand: seen, hidden by something, hidden by the face itself, and one with a single sign.
    np.testing.assert_array_equal([[2, 3.5], [4, 5.25], [np.nan, np.nan], [6, 7]], face.landmarks[:4])
    assert [True, False, False, False, True] == face.visible[:5].tolist()
    assert np.float32 == face.landmarks.dtype
    assert 1 == np.isnan(face.landmarks).any(axis=1).sum()


def test_nan_in_a_file_is_no_landmark_hidden_by_the_face(tmp_path: Path, write: Callable) -> None:
    write(("-1 -1", "nan nan"))
    message = f"{LABELS}/image00019.pts: 1 landmarks are NaN or infinite, the first is number 1"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("pose", "subset"),
    [
        # Kumar et al., CVPR 2020: frontal, half-profile and profile are reported.
        ("frontal", "frontal"),
        ("lefthalf", "half_profile"),
        ("righthalf", "half_profile"),
        ("left", "profile"),
        ("right", "profile"),
    ],
)
def test_the_folders_say_split_and_subset(tmp_path: Path, write: Callable, pose: str, subset: str) -> None:
    for split in ("trainset", "testset"):
        write(name=f"{pose}/{split}/labels/image00019")
    train, test = sorted(read(tmp_path), key=lambda face: face.split or "", reverse=True)
    assert ("train", (), f"{pose}/trainset/image00019") == (train.split, train.subsets, train.face)
    assert ("test", (subset,), f"{pose}/testset/image00019") == (test.split, test.subsets, test.face)


def test_faces_of_one_photo_share_a_subject_and_a_picture(tmp_path: Path, write: Callable) -> None:
    for name in (f"{LABELS}/image00019_1", "merl_rav_labels/left/trainset/labels/image00019_2"):
        write(name=name)
    faces = read(tmp_path)
    assert ["image00019", "image00019"] == [face.subject for face in faces]
    assert ["aflw/flickr/0/image00019.jpg"] * 2 == [face.image for face in faces]


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("frontal/testset/labels/image00019_1", "flickr/3/image00019.jpg"),
        ("frontal/testset/labels/image00019_1", "frontal/testset/images/image00019_1.jpg"),
        ("frontal/testset/labels/image00019_1", "frontal/testset/labels/image00019_1.jpg"),
        ("merl_rav_labels/frontal/testset/labels/image00019_1", "aflw/data/flickr/2/image00019.jpg"),
        ("merl_rav_organized/frontal/testset/image00019_1", "merl_rav_organized/frontal/testset/image00019_1.jpg"),
    ],
)
def test_pictures_are_found_in_every_layout(tmp_path: Path, write: Callable, name: str, image: str) -> None:
    write(name=name, image=image)
    assert [("frontal/testset/image00019_1", image)] == [(face.face, face.image) for face in read(tmp_path)]


def test_a_face_in_two_layouts_is_one_face(tmp_path: Path, write: Callable) -> None:
    write()
    organized = "merl_rav_organized/frontal/testset/image00019"
    write(name=organized, image=f"{organized}.jpg")
    assert ["frontal/testset/image00019"] == [face.face for face in read(tmp_path)]


def test_a_picture_that_is_absent_is_refused_with_the_labels_and_costs_no_other(
    tmp_path: Path, write: Callable
) -> None:
    write(name=f"{LABELS}/image00001")
    write()
    bad, good = DATASET.records(tmp_path, IBUG68)
    # By hand: beside the labels, in images, and 3 groups in each of 4 folders.
    message = f"{LABELS}/image00001.pts: its picture {LABELS}/image00001.jpg is missing (nor at 13 other places)"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        DATASET.parse(tmp_path, IBUG68, bad)
    assert "frontal/testset/image00019" == DATASET.parse(tmp_path, IBUG68, good).face


@pytest.mark.parametrize(
    ("keep", "message"), [(30, ":30: ends before the closing brace"), (0, ": expected 68 landmarks, got 0")]
)
def test_a_file_that_is_cut_off_is_refused_with_its_place(
    tmp_path: Path, write: Callable, keep: int, message: str
) -> None:
    write()
    path = tmp_path / f"{LABELS}/image00019.pts"
    path.write_text("\n".join(path.read_text().splitlines()[:keep]))
    with pytest.raises(ValueError, match="^" + re.escape(f"{LABELS}/image00019.pts{message}") + "$"):
        read(tmp_path)


def test_the_subsets_of_a_complete_copy_add_up_to_its_test_faces() -> None:
    complete = DATASET.complete
    assert complete["test"] == complete["frontal"] + complete["half_profile"] + complete["profile"]
    assert 19_314 == complete["train"] + complete["test"]  # as the paper says


@pytest.mark.skipif(not GENUINE.is_dir(), reason="the genuine samples are not here")
def test_genuine_labels_are_read(tmp_path: Path, picture: bytes) -> None:
    (tmp_path / "flickr/0").mkdir(parents=True)
    for path in GENUINE.glob("*/*.pts"):
        labels = tmp_path / path.parent.name / "testset/labels"
        labels.mkdir(parents=True)
        shutil.copy(path, labels)
        (tmp_path / f"flickr/0/{path.stem}.jpg").write_bytes(picture)
    faces = {face.face.split("/")[0]: face for face in read(tmp_path)}
    assert {"frontal", "left", "lefthalf", "right", "righthalf"} == set(faces)
    # frontal/image00019.pts begins with -266.72294282144355 -80.69554352353188, and with 267.727 92.409.
    frontal = faces["frontal"]
    np.testing.assert_allclose(frontal.landmarks[:2], [[265.722943, 79.695544], [266.726989, 91.409413]], atol=1e-4)
    assert [False, True] == frontal.visible[:2].tolist()
    # As many as `grep -c "^-1 -1"` counts.
    hidden = {pose: int(np.isnan(face.landmarks).any(axis=1).sum()) for pose, face in faces.items()}
    assert {"frontal": 0, "left": 29, "lefthalf": 7, "right": 22, "righthalf": 3} == hidden
    assert all(not face.visible[np.isnan(face.landmarks).any(axis=1)].any() for face in faces.values())
    assert all(np.nanmin(face.landmarks) >= 0 for face in faces.values())
