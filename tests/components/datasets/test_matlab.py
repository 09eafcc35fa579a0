"""MATLAB's files of both formats: variables, texts, pictures in cells, and what is wrong with them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from components.datasets.matlab import count_cells, picture_name, read_picture, read_variables

MATRIX = np.arange(6.0).reshape(2, 3)


@pytest.fixture(params=["5", "7.3"])
def write(request: pytest.FixtureRequest, write_hdf5: Callable) -> Callable[..., None]:
    """Writes variables in either format; a list is a cell array."""

    def write_matlab5(path: Path, **variables: np.ndarray | list) -> None:
        scipy.io.savemat(path, {name: _cells(value) for name, value in variables.items()})

    return write_hdf5 if request.param == "7.3" else write_matlab5


def _cells(value: np.ndarray | list) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    cells = np.empty((len(value), 1), object)
    cells[:, 0] = value
    return cells


def test_arrays_have_matlabs_shape_and_texts_are_texts(tmp_path: Path, write: Callable) -> None:
    write(tmp_path / "a.mat", m=MATRIX, names=["0/a.jpg", "2/bc.jpg"], other=MATRIX)
    found = read_variables(tmp_path, "a.mat", ("m", "names"))
    assert ["m", "names"] == list(found)
    np.testing.assert_array_equal(MATRIX, found["m"])
    assert ["0/a.jpg", "2/bc.jpg"] == found["names"].tolist()


def test_a_missing_variable_is_named_beside_what_was_found(tmp_path: Path, write: Callable) -> None:
    write(tmp_path / "a.mat", x=MATRIX, m=MATRIX)
    with pytest.raises(ValueError, match="^" + re.escape("a.mat: has no variable 'data'; found: m, x") + "$"):
        read_variables(tmp_path, "a.mat", ("m", "data"))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_that_is_cut_off_is_refused_by_name(tmp_path: Path, write: Callable, share: float) -> None:
    path = tmp_path / "a.mat"
    write(path, m=np.random.default_rng(0).normal(size=(50, 50)))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"^a\.mat: damaged, cut off or no \.mat file: "):
        read_variables(tmp_path, "a.mat", ("m",))


@pytest.mark.parametrize("content", [b"", b"not a mat", b"x" * 1000])
def test_something_else_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"^a\.mat: damaged, cut off or no \.mat file: "):
        read_variables(tmp_path, "a.mat", ("m",))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^a\.mat: No such file or directory$"):
        read_variables(tmp_path, "a.mat", ("m",))


def test_a_file_is_read_once_and_again_when_it_has_changed(tmp_path: Path, write: Callable) -> None:
    write(tmp_path / "a.mat", m=MATRIX)
    first = read_variables(tmp_path, "a.mat", ("m",))
    assert first is read_variables(tmp_path, "a.mat", ("m",))
    write(tmp_path / "a.mat", m=MATRIX + 1)
    os.utime(tmp_path / "a.mat", ns=(1, 1))
    np.testing.assert_array_equal(MATRIX + 1, read_variables(tmp_path, "a.mat", ("m",))["m"])


def test_pictures_in_cells_come_in_rows_and_columns_and_gray_ones_in_three_equal_channels(
    tmp_path: Path, write_hdf5: Callable
) -> None:
    colour = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    write_hdf5(tmp_path / "a.mat", IsT=[colour, colour[..., 0]])
    np.testing.assert_array_equal(colour, read_picture(tmp_path, picture_name("a.mat", "IsT", 1)))
    np.testing.assert_array_equal(colour[..., [0, 0, 0]], read_picture(tmp_path, "a.mat#IsT/2"))


def test_cells_are_counted_whatever_lies_in_them_and_again_when_the_file_has_changed(
    tmp_path: Path, write_hdf5: Callable
) -> None:
    write_hdf5(tmp_path / "a.mat", IsT=[MATRIX, "a text", MATRIX])
    assert 3 == count_cells(tmp_path, "a.mat", "IsT")
    write_hdf5(tmp_path / "a.mat", IsT=[MATRIX])
    os.utime(tmp_path / "a.mat", ns=(1, 1))
    assert 1 == count_cells(tmp_path, "a.mat", "IsT")


def test_what_has_no_cells_to_count_is_refused_with_file_and_variable(tmp_path: Path, write_hdf5: Callable) -> None:
    write_hdf5(tmp_path / "a.mat", m=MATRIX, IsT=[MATRIX])
    with pytest.raises(ValueError, match=r"^a\.mat:m: expected a cell array$"):
        count_cells(tmp_path, "a.mat", "m")
    with pytest.raises(ValueError, match=r"^a\.mat: has no variable 'IsTr'; found: IsT, m$"):
        count_cells(tmp_path, "a.mat", "IsTr")
    with pytest.raises(ValueError, match=r"^b\.mat: No such file or directory$"):
        count_cells(tmp_path, "b.mat", "IsT")
    scipy.io.savemat(tmp_path / "a.mat", {"IsT": _cells([MATRIX])})  # MATLAB 5, whose pictures nobody reads
    with pytest.raises(ValueError, match=r"^a\.mat: damaged, cut off or no \.mat file of version 7\.3: "):
        count_cells(tmp_path, "a.mat", "IsT")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.mat", "expected a picture's name as FILE.mat#VARIABLE/NUMBER"),
        ("a.mat#IsT", "expected a picture's name as FILE.mat#VARIABLE/NUMBER"),
        ("a.mat#IsT/-1", "expected a picture's name as FILE.mat#VARIABLE/NUMBER"),
        ("a.mat#IsT/0", "unreadable image: IsT has 2 cells"),
        ("a.mat#IsT/3", "unreadable image: IsT has 2 cells"),
        ("b.mat#IsT/1", "unreadable image: b.mat is missing"),
        ("a.mat#IsT/2", "expected (H, W) or (H, W, 3) uint8, got (2, 3) float64"),
        ("../x/a.mat#IsT/1", "leads out of the dataset's folder"),
        ("/etc/hostname#IsT/1", "leads out of the dataset's folder"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, write_hdf5: Callable, name: str, message: str) -> None:
    write_hdf5(tmp_path / "a.mat", IsT=[np.zeros((4, 5, 3), np.uint8), MATRIX])
    with pytest.raises(ValueError, match="^" + re.escape(f"{name}: {message}") + "$"):
        read_picture(tmp_path, name)


def test_a_picture_of_an_unknown_variable_or_a_cut_file_is_refused_by_name(
    tmp_path: Path, write_hdf5: Callable
) -> None:
    write_hdf5(tmp_path / "a.mat", IsT=[np.zeros((4, 5, 3), np.uint8)])
    with pytest.raises(ValueError, match=r"^a\.mat#IsTr/1: unreadable image: "):
        read_picture(tmp_path, "a.mat#IsTr/1")
    (tmp_path / "a.mat").write_bytes((tmp_path / "a.mat").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"^a\.mat#IsT/1: unreadable image: "):
        read_picture(tmp_path, "a.mat#IsT/1")
