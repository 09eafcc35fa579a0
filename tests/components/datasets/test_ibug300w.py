"""300-W: 1-based `.pts`, with and without a header, whole or not."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.datasets import DATASETS
from components.datasets.ibug300w import FOLDERS
from components.samples import Annotation
from components.schemes import IBUG68

DATASET = DATASETS["300w"]
REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "300w"


@pytest.fixture
def face(tmp_path: Path, picture: bytes, write_pts: Callable, landmarks_of: Callable) -> Callable[..., Path]:
    """Writes a face and gives its `.pts`."""

    def write(name: str, suffix: str = ".jpg", header: bool = True) -> Path:
        write_pts(tmp_path / f"{name}.pts", landmarks_of(IBUG68, 0), header)
        (tmp_path / f"{name}{suffix}").write_bytes(picture)
        return tmp_path / f"{name}.pts"

    return write


def read(root: Path) -> list[Annotation]:
    return list(DATASET.read(root))


@pytest.mark.parametrize("header", [True, False])
def test_one_is_subtracted_with_or_without_a_header(
    tmp_path: Path, face: Callable, landmarks_of: Callable, header: bool
) -> None:
    path = face("afw/7_1", header=header)
    assert "1.000 1.125" in path.read_text().splitlines()  # as written, 1-based
    (annotation,) = read(tmp_path)
    assert [0.0, 0.125] == annotation.landmarks[0].tolist()
    np.testing.assert_array_equal(landmarks_of(IBUG68, 0), annotation.landmarks)


def test_a_brace_may_stand_in_a_line_with_anything_and_lines_may_end_as_on_windows(
    tmp_path: Path, face: Callable
) -> None:
    path = face("afw/7_1")
    before = read(tmp_path)[0].landmarks
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n").replace(b"}", b"  }  \r\n\r\n"))
    np.testing.assert_array_equal(before, read(tmp_path)[0].landmarks)


@pytest.mark.parametrize(
    ("folder", "split", "subsets"),
    [
        # The 300-W protocol: train is afw and the training halves; common the test halves, challenge ibug, full both,
        # private 300W.
        ("afw", "train", ("afw",)),
        ("helen/trainset", "train", ("helen",)),
        ("lfpw/trainset", "train", ("lfpw",)),
        ("helen/testset", "test", ("common", "full")),
        ("lfpw/testset", "test", ("common", "full")),
        ("ibug", "test", ("challenge", "full")),
        ("300W/01_Indoor", "test", ("private",)),
        ("300W/02_Outdoor", "test", ("private",)),
    ],
)
def test_the_folder_says_split_and_subset(
    tmp_path: Path, face: Callable, folder: str, split: str, subsets: tuple
) -> None:
    face(f"{folder}/7_1")
    (annotation,) = read(tmp_path)
    assert (split, subsets) == (annotation.split, annotation.subsets)
    assert (f"{folder}/7_1", f"{folder}/7_1.jpg") == (annotation.face, annotation.image)


@pytest.mark.parametrize(
    ("real", "official"),
    [
        # One level too deep, in another case, dlib's archive, the private set's own archive, and DATA=300W itself.
        ("300w/helen/testset", "helen/testset"),
        ("HELEN/TestSet", "helen/testset"),
        ("ibug_300W_large_face_landmark_dataset/lfpw/trainset", "lfpw/trainset"),
        ("ibug_300W_large_face_landmark_dataset/ibug", "ibug"),
        ("300w_cropped/01_Indoor", "300W/01_Indoor"),
        ("02_outdoor", "300W/02_Outdoor"),
        ("a/b/c/AFW", "afw"),
    ],
)
def test_a_face_goes_by_its_folder_in_the_benchmark_wherever_that_lies(
    tmp_path: Path, face: Callable, real: str, official: str
) -> None:
    face(f"{real}/7_1")
    (record,) = DATASET.records(tmp_path, IBUG68)
    assert (f"{official}/7_1", f"{real}/7_1.pts", FOLDERS[official][0]) == (record.face, record.where, record.split)
    (annotation,) = read(tmp_path)
    # What splits are made of does not depend on where an archive was unpacked.
    assert (f"{official}/7_1", f"{official}/7", *FOLDERS[official]) == (
        annotation.face,
        annotation.subject,
        annotation.split,
        annotation.subsets,
    )
    assert f"{real}/7_1.jpg" == annotation.image


@pytest.mark.parametrize("folder", ["mine", "helen", "testset", "afw/more", "lfpw_testset"])
def test_faces_in_a_folder_that_the_benchmark_does_not_have_are_refused_with_the_way_out(
    tmp_path: Path, face: Callable, folder: str
) -> None:
    face("afw/7_1"), face(f"{folder}/8_1")
    message = (
        f"{tmp_path}: faces lie in {folder}, and 300-W has no such folder; expected 300W/01_Indoor, 300W/02_Outdoor, afw, "
        "helen/testset, helen/trainset, ibug, lfpw/testset, lfpw/trainset, at any depth; for faces of your own there is "
        "the reader csv"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read(tmp_path)


def test_faces_at_the_top_are_refused_too(tmp_path: Path, face: Callable) -> None:
    face("7_1")
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path}: faces lie in ., and 300-W has no such folder")):
        read(tmp_path)


def test_two_folders_that_are_the_same_to_the_benchmark_are_refused(tmp_path: Path, face: Callable) -> None:
    face("ibug/7_1"), face("copy/IBUG/7_1")
    message = f"{tmp_path}: copy/IBUG and ibug are both 300-W's ibug: keep one of them"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read(tmp_path)


def test_a_picture_elsewhere_without_landmarks_is_a_record_that_is_refused(
    tmp_path: Path, face: Callable, picture: bytes
) -> None:
    face("afw/7_1")
    (tmp_path / "overview.png").write_bytes(picture)
    assert ["afw/7_1", "overview"] == [record.face for record in DATASET.records(tmp_path, IBUG68)]


def test_a_mirrored_copy_is_no_face_of_the_benchmark(tmp_path: Path, face: Callable) -> None:
    # dlib's archive: lfpw/testset/image_0001_mirror.jpg beside image_0001.jpg, and so throughout.
    face("lfpw/testset/image_0001"), face("lfpw/testset/image_0001_mirror")
    good, mirrored = DATASET.records(tmp_path, IBUG68)
    assert "lfpw/testset/image_0001" == DATASET.parse(tmp_path, IBUG68, good).face
    message = (
        "lfpw/testset/image_0001_mirror.pts: a mirrored copy, not a face of the benchmark; augment.flip mirrors faces"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DATASET.parse(tmp_path, IBUG68, mirrored)


def test_a_byte_order_mark_and_suffixes_in_capitals_cost_no_face(tmp_path: Path, face: Callable) -> None:
    path = face("afw/7_1", ".JPG", header=False)
    before = read(tmp_path)[0].landmarks
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    path.rename(path.with_suffix(".PTS"))
    (annotation,) = read(tmp_path)
    np.testing.assert_array_equal(before, annotation.landmarks)


def test_landmarks_in_a_pipe_are_not_waited_for(tmp_path: Path, face: Callable) -> None:
    path = face("afw/7_1")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ValueError, match=r"^afw/7_1\.pts: expected a regular file, got a pipe$"):
        read(tmp_path)


def test_faces_of_one_photo_share_a_subject(tmp_path: Path, face: Callable) -> None:
    for name in ("afw/7_1", "afw/7_2", "afw/8_1"):
        face(name)
    assert ["afw/7", "afw/7", "afw/8"] == [annotation.subject for annotation in read(tmp_path)]


def test_photos_with_numbered_names_are_subjects_of_their_own(tmp_path: Path, face: Callable) -> None:
    # LFPW's names; were "image" the subject, one hash would decide for the whole folder.
    for name in ("lfpw/trainset/image_0001", "lfpw/trainset/image_0002"):
        face(name)
    assert 2 == len({annotation.subject for annotation in read(tmp_path)})


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".jpeg", ".JPG", ".PNG", ".JPEG"])
def test_pictures_of_any_suffix_are_found(tmp_path: Path, face: Callable, suffix: str) -> None:
    face("afw/7_1", suffix)
    assert [f"afw/7_1{suffix}"] == [annotation.image for annotation in read(tmp_path)]


def test_a_name_with_a_dot_is_kept_whole(tmp_path: Path, face: Callable) -> None:
    face("afw/7.5_1")
    assert ["afw/7.5_1"] == [annotation.face for annotation in read(tmp_path)]


def test_a_picture_without_landmarks_is_a_record_that_is_refused(tmp_path: Path, face: Callable) -> None:
    face("afw/7_1").unlink()
    (record,) = DATASET.records(tmp_path, IBUG68)
    with pytest.raises(ValueError, match="^" + re.escape("afw/7_1.pts: No such file or directory") + "$"):
        DATASET.parse(tmp_path, IBUG68, record)


def test_landmarks_without_a_picture_are_a_record_that_is_refused(tmp_path: Path, face: Callable) -> None:
    face("afw/7_1").with_suffix(".jpg").unlink()
    (record,) = DATASET.records(tmp_path, IBUG68)
    with pytest.raises(
        ValueError, match="^" + re.escape("afw/7_1.pts: no picture beside it (.jpg, .png, .jpeg)") + "$"
    ):
        DATASET.parse(tmp_path, IBUG68, record)


def test_67_landmarks_are_refused(tmp_path: Path, face: Callable) -> None:
    path = face("afw/7_1")
    path.write_text(path.read_text().replace("1.000 1.125\n", ""))
    with pytest.raises(ValueError, match="^" + re.escape("afw/7_1.pts: expected 68 landmarks, got 67") + "$"):
        read(tmp_path)


def test_a_file_cut_off_before_its_brace_is_refused_with_its_last_line(tmp_path: Path, face: Callable) -> None:
    path = face("afw/7_1")
    path.write_text("\n".join(path.read_text().splitlines()[:40]))
    with pytest.raises(ValueError, match="^" + re.escape("afw/7_1.pts:40: ends before the closing brace") + "$"):
        read(tmp_path)


@pytest.mark.parametrize(("line", "shown"), [("1.0 abc", "1.0 abc"), ("1.0", "1.0"), ("1.0 2.0 3.0", "1.0 2.0 3.0")])
@pytest.mark.parametrize("header", [True, False])
def test_text_among_the_numbers_is_refused_with_file_and_line(
    tmp_path: Path, face: Callable, line: str, shown: str, header: bool
) -> None:
    path = face("afw/7_1", header=header)
    path.write_text(path.read_text().replace("1.000 1.125", line))
    # By hand: the first landmark stands below version, n_points and brace.
    message = f"afw/7_1.pts:{4 if header else 1}: expected two numbers, got '{shown}'"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read(tmp_path)


@pytest.mark.parametrize("line", ["nan nan", "1.0 inf"])
def test_a_landmark_that_is_not_finite_is_refused(tmp_path: Path, face: Callable, line: str) -> None:
    path = face("afw/7_1")
    path.write_text(path.read_text().replace("1.000 1.125", line))
    message = "afw/7_1.pts: 1 landmarks are NaN or infinite, the first is number 0"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read(tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path, face: Callable) -> None:
    face("afw/7_1").write_text("")
    with pytest.raises(ValueError, match=r"afw/7_1\.pts: expected 68 landmarks, got 0"):
        read(tmp_path)


def test_one_bad_face_costs_no_other(tmp_path: Path, face: Callable) -> None:
    face("afw/7_1"), face("afw/8_1").write_text("broken"), face("afw/9_1")
    read_well = []
    for record in DATASET.records(tmp_path, IBUG68):
        try:
            read_well.append(DATASET.parse(tmp_path, IBUG68, record).face)
        except ValueError:
            assert "afw/8_1" == record.face
    assert ["afw/7_1", "afw/9_1"] == read_well


@pytest.mark.skipif(not REAL.is_dir(), reason="the real faces are not here")
def test_the_real_afw_and_helen_are_read() -> None:
    faces = read(REAL)
    # As its README counts: 337 faces in 185 photos, and 870.
    assert (337, 870) == (sum("afw" in face.subsets for face in faces), sum("helen" in face.subsets for face in faces))
    assert 185 == len({face.subject for face in faces if "afw" in face.subsets})
    # The first file's first line is 112.316 144.993, 1-based.
    first = faces[0]
    assert "afw/1051618982_1.jpg" == first.image
    np.testing.assert_allclose(first.landmarks[0], [111.316, 143.993], atol=1e-4)


def test_a_complete_copys_parts_add_up() -> None:
    # Sagonas et al.: afw, the training halves of helen and lfpw; the test halves and ibug.
    complete = DATASET.complete
    assert complete["train"] == complete["afw"] + complete["helen"] + complete["lfpw"] == 3148
    assert complete["full"] == complete["common"] + complete["challenge"] == 689
    assert complete["test"] == complete["full"] + complete["private"]
