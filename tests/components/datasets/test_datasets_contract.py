"""What holds for every reader, registered here or later."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from components.datasets import DATASETS, Dataset
from components.schemes import SCHEMES, Scheme

# Every reader in every scheme that it can be read in.
CASES = [(name, scheme) for name in sorted(DATASETS) for scheme in DATASETS[name].schemes or sorted(SCHEMES)]


@pytest.fixture(params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest, tmp_path: Path, writers: dict) -> tuple[Dataset, Scheme, Path]:
    name, scheme = request.param
    writers[name](tmp_path, SCHEMES[scheme])
    return DATASETS[name], SCHEMES[scheme], tmp_path


def test_a_reader_stands_under_its_name_in_order_and_is_tested(writers: dict) -> None:
    assert sorted(DATASETS) == list(DATASETS) == [dataset.name for dataset in DATASETS.values()]
    assert set(DATASETS) == set(writers)


def test_a_reader_knows_its_schemes() -> None:
    assert set(SCHEMES) >= {scheme for dataset in DATASETS.values() for scheme in dataset.schemes}


def test_a_licence_is_what_the_folder_says_or_what_is_known_of_the_format(case: tuple) -> None:
    dataset, _, root = case
    assert dataset.licence == dataset.licence_in(root)
    (root / "licence.txt").write_text("CC BY 4.0\t\nmore of it\n", encoding="utf-8")
    assert "CC BY 4.0" == dataset.licence_in(root)
    (root / "licence.txt").write_text("\n", encoding="utf-8")
    assert dataset.licence == dataset.licence_in(root)


def test_a_record_is_read_as_an_annotation(case: tuple, landmarks_of: Callable) -> None:
    dataset, scheme, root = case
    faces = list(dataset.read(root, scheme.name))
    assert 3 == len(faces)
    for i, face in enumerate(faces):
        np.testing.assert_array_equal(landmarks_of(scheme, i), face.landmarks)
        assert ((scheme.num_landmarks, 2), np.float32) == (face.landmarks.shape, face.landmarks.dtype)
        assert ((scheme.num_landmarks,), bool) == (face.visible.shape, face.visible.dtype)
        assert face.visible.all()
        assert face.split in (None, "train", "test")
        assert isinstance(face.subsets, tuple)
        assert face.subject


def test_a_picture_is_named_below_the_folder_and_can_be_read(case: tuple) -> None:
    dataset, scheme, root = case
    for face in dataset.read(root, scheme.name):
        path = PurePosixPath(face.image.partition("#")[0])  # the file of a picture that lies inside one
        assert (root / path).is_file()
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert "\\" not in face.image
        pixels = dataset.picture(root, face.image)
        assert ((40, 60, 3), np.uint8) == (pixels.shape, pixels.dtype)


def test_no_picture_is_read_from_outside_the_folder(case: tuple) -> None:
    dataset, scheme, root = case
    inner = root / "folder"
    inner.mkdir()
    for face in dataset.read(root, scheme.name):
        with pytest.raises(ValueError, match=f"^{re.escape(f'../{face.image}')}: leads out of the dataset's folder$"):
            dataset.picture(inner, f"../{face.image}")


def test_a_picture_is_read_in_another_process_as_in_this(case: tuple) -> None:
    dataset, scheme, root = case
    face = next(dataset.read(root, scheme.name))
    picture = pickle.loads(pickle.dumps(dataset.picture))
    np.testing.assert_array_equal(dataset.picture(root, face.image), picture(root, face.image))


def test_what_a_complete_copy_has_is_counted_by_splits_and_subsets_that_a_reader_gives(case: tuple) -> None:
    dataset, scheme, root = case
    faces = list(dataset.read(root, scheme.name))
    given = {face.split for face in faces} | {name for face in faces for name in face.subsets}
    assert all(count > 0 for count in dataset.complete.values())
    if dataset.complete:
        assert given - {None} <= set(dataset.complete)


def test_a_split_that_is_known_before_a_record_is_read_is_that_of_its_face(case: tuple) -> None:
    dataset, scheme, root = case
    for record in dataset.records(root, scheme):
        assert record.split in (None, dataset.parse(root, scheme, record).split)


def test_records_and_faces_are_unique(case: tuple) -> None:
    dataset, scheme, root = case
    records = dataset.records(root, scheme)
    assert 3 == len({record.face for record in records}) == len({record.where for record in records})
    assert 3 == len({face.face for face in dataset.read(root, scheme.name)})


def test_records_come_in_one_order_whatever_the_file_systems(case: tuple) -> None:
    dataset, scheme, root = case
    before = dataset.records(root, scheme)
    for path in sorted(path for path in root.rglob("*") if path.is_file())[::-1]:
        content = path.read_bytes()  # written again in the reverse order
        path.unlink()
        path.write_bytes(content)
    assert before == dataset.records(root, scheme)


def test_a_message_names_a_file_of_the_folder(case: tuple) -> None:
    dataset, scheme, root = case
    for record in dataset.records(root, scheme):
        assert (root / record.where.split(":")[0]).is_file()


def test_a_record_is_parsed_in_another_process_as_in_this(case: tuple) -> None:
    dataset, scheme, root = case
    moved = pickle.loads(pickle.dumps((dataset.parse, root, scheme, dataset.records(root, scheme))))
    parse, root, scheme, records = moved
    assert [face.face for face in dataset.read(root, scheme.name)] == [
        parse(root, scheme, record).face for record in records
    ]


# The columns of faces.csv are found by name: more of them are not read.
@pytest.mark.parametrize("case", [case for case in CASES if case[0] != "csv"], indirect=True, ids="-".join)
def test_another_number_of_landmarks_is_refused_with_the_place(case: tuple, three: Scheme) -> None:
    dataset, scheme, root = case
    record = dataset.records(root, scheme)[1]
    # A line of WFLW is of one length: by hand 2 x 3 + 11 fields, and 2 x 98 + 11.
    message = (
        "expected 17 fields, got 207" if dataset.name == "wflw" else f"expected 3 landmarks, got {scheme.num_landmarks}"
    )
    with pytest.raises(ValueError, match="^" + re.escape(f"{record.where}: {message}") + "$"):
        dataset.parse(root, three, record)


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_an_empty_folder_is_refused(name: str, tmp_path: Path) -> None:
    scheme = SCHEMES[DATASETS[name].schemes[0] if DATASETS[name].schemes else "ibug68"]
    with pytest.raises(ValueError, match="^" + re.escape(f"{tmp_path} is empty; expected ")):
        DATASETS[name].records(tmp_path, scheme)


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_folder_of_something_else_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of use")
    scheme = SCHEMES[DATASETS[name].schemes[0] if DATASETS[name].schemes else "ibug68"]
    with pytest.raises(ValueError, match="has no such file; expected "):
        DATASETS[name].records(tmp_path, scheme)


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_folder_that_is_missing_is_refused(name: str, tmp_path: Path) -> None:
    scheme = SCHEMES[DATASETS[name].schemes[0] if DATASETS[name].schemes else "ibug68"]
    with pytest.raises(ValueError, match="is not a folder; expected "):
        DATASETS[name].records(tmp_path / "missing", scheme)
