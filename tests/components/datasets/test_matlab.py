"""MATLAB's files of both formats: variables, texts, pictures in cells, and what is wrong with them."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from components.datasets.matlab import count_cells, picture_name, read_numbers, read_picture, read_variables

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


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of somebody else's, out of the dataset's folder, of as many bytes as a picture of 4 x 5."""
    path = tmp_path / "secret"
    path.write_bytes(bytes(range(60)))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def write_elsewhere(mat: h5py.File, kind: str, name: str, secret: Path) -> None:
    """Makes a variable 5 x 4 x 3 whose content is in another file, by one of the means of HDF5."""
    if kind == "external storage":
        storage = [(str(secret), 0, h5py.h5f.UNLIMITED)]
        mat.create_dataset(name, (3, 5, 4), np.uint8, external=storage)
        return
    with h5py.File(secret.with_suffix(".mat"), "w") as other:
        other["x"] = np.zeros((3, 5, 4), np.uint8)
    if kind == "external link":
        mat[name] = h5py.ExternalLink(str(secret.with_suffix(".mat")), "x")
    elif kind == "soft link":
        mat["#refs#/out"] = h5py.ExternalLink(str(secret.with_suffix(".mat")), "/")
        mat[name] = h5py.SoftLink("/#refs#/out/x")
    else:
        layout = h5py.VirtualLayout((3, 5, 4), np.uint8)
        layout[:] = h5py.VirtualSource(str(secret.with_suffix(".mat")), "x", (3, 5, 4))
        mat.create_virtual_dataset(name, layout)


KINDS = {
    "external storage": "is kept in another place, which is not read",
    "external link": "is a link; none is followed",
    "soft link": "is a link; none is followed",
    "virtual": "is kept in another place, which is not read",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_variable_that_lies_in_another_file_is_refused(root: Path, secret: Path, kind: str) -> None:
    with h5py.File(root / "a.mat", "w") as mat:
        write_elsewhere(mat, kind, "m", secret)
    message = f"a.mat: variable 'm' {KINDS[kind]}"
    for read in (read_variables, read_numbers):
        with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
            read(root, "a.mat", ("m",))
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        count_cells(root, "a.mat", "m")


@pytest.mark.parametrize("kind", ["external storage", "virtual"])  # a reference leads to no link
def test_a_picture_that_lies_in_another_file_is_refused(root: Path, secret: Path, kind: str) -> None:
    with h5py.File(root / "a.mat", "w") as mat:
        write_elsewhere(mat, kind, "#refs#/a", secret)
        mat.create_dataset("IsT", (1, 1), h5py.ref_dtype)[0, 0] = mat["#refs#/a"].ref
    with pytest.raises(
        ValueError, match="^" + re.escape("a.mat#IsT/1: IsT{1} is kept in another place, which is not read")
    ):
        read_picture(root, "a.mat#IsT/1")


@pytest.mark.parametrize("kind", KINDS)
def test_cells_of_pictures_that_lie_in_another_file_are_refused(root: Path, secret: Path, kind: str) -> None:
    with h5py.File(root / "a.mat", "w") as mat:
        write_elsewhere(mat, kind, "IsT", secret)
    with pytest.raises(ValueError, match="^" + re.escape(f"a.mat#IsT/1: variable 'IsT' {KINDS[kind]}") + "$"):
        read_picture(root, "a.mat#IsT/1")


def test_texts_that_lie_in_another_file_are_refused(root: Path, secret: Path) -> None:
    with h5py.File(root / "a.mat", "w") as mat:
        mat.create_dataset("#refs#/a", (1, 30), np.uint16, external=[(str(secret), 0, 60)])
        mat.create_dataset("nameList", (1, 1), h5py.ref_dtype)[0, 0] = mat["#refs#/a"].ref
    with pytest.raises(
        ValueError, match="^" + re.escape("a.mat: a cell of 'nameList' is kept in another place, which is not read")
    ):
        read_variables(root, "a.mat", ("nameList",))


def test_a_picture_that_declares_too_many_pixels_is_refused_before_it_takes_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as mat:  # 3.6 GB in 2 kB
        mat.create_dataset("#refs#/a", (3, 30_000, 40_000), np.uint8, chunks=(1, 1000, 1000), compression="gzip")
        mat.create_dataset("IsT", (1, 1), h5py.ref_dtype)[0, 0] = mat["#refs#/a"].ref
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = (
        "a.mat#IsT/1: picture of 30000 x 40000 pixels is over the limit of 100,000,000; "
        "the variable HEATMARK_MAX_PIXELS sets another"
    )
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read_picture(tmp_path, "a.mat#IsT/1")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB
    monkeypatch.setenv("HEATMARK_MAX_PIXELS", "1200000000")  # allowed, it is still over the parser's own memory
    with pytest.raises(ValueError, match=r"^a\.mat#IsT/1: takes more than 2048 MiB to read$"):
        read_picture(tmp_path, "a.mat#IsT/1")


def test_a_variable_that_declares_too_many_bytes_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as mat:
        mat.create_dataset("m", (1000, 1 << 20), np.float64, chunks=(100, 100), compression="gzip")
    # By hand: 1000 x 2**20 x 8 bytes.
    message = "a.mat: variable 'm' is said to have 8000 MiB; at most 128 are read"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read_variables(tmp_path, "a.mat", ("m",))


@pytest.mark.parametrize("compressed", [False, True])
def test_so_is_one_of_matlabs_older_format(tmp_path: Path, compressed: bool) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"m": np.zeros((4200, 4200), np.int8)}, do_compression=compressed)
    # By hand: 4200 x 4200 x 8 / 2**20, rounded down; all are counted as the widest, doubles.
    message = "a.mat: variable 'm' is said to have 134 MiB; at most 128 are read"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read_variables(tmp_path, "a.mat", ("m",))


def test_a_variable_that_is_not_asked_for_may_be_of_any_size_and_kind(tmp_path: Path, secret: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as mat:
        mat["m"] = MATRIX.T
        mat.create_dataset("large", (1000, 1 << 20), np.float64, chunks=(100, 100), compression="gzip")
        write_elsewhere(mat, "external link", "linked", secret)
    np.testing.assert_array_equal(MATRIX, read_variables(tmp_path, "a.mat", ("m",))["m"])


def test_a_text_longer_than_any_path_is_refused(tmp_path: Path, write: Callable) -> None:
    write(tmp_path / "a.mat", names=["a", "x" * 4096])
    assert 4096 == len(read_variables(tmp_path, "a.mat", ("names",))["names"][1])
    write(tmp_path / "b.mat", names=["a", "x" * 4097])
    with pytest.raises(ValueError, match=r"^b\.mat: a text of more than 4096 characters$"):
        read_variables(tmp_path, "b.mat", ("names",))


def test_texts_beyond_ascii_are_read_and_half_a_character_is_one_that_can_be_written(
    tmp_path: Path, write_hdf5: Callable
) -> None:
    # U+1F600 is D83D DE00 in UTF-16, as MATLAB keeps it; D83D alone is nothing.
    write_hdf5(tmp_path / "a.mat", names=["\u00e9\ud83d\ude00", "a\ud83d"])
    assert ["\u00e9\U0001f600", "a\ufffd"] == read_variables(tmp_path, "a.mat", ("names",))["names"].tolist()


@pytest.mark.parametrize("value", [np.zeros((2, 2), complex), np.array([b"ab"]), np.zeros(2, [("a", "f8")])])
def test_what_is_neither_numbers_nor_texts_is_refused(tmp_path: Path, value: np.ndarray) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as mat:
        mat["m"] = value
    with pytest.raises(ValueError, match=r"^a\.mat: variable 'm' is neither numbers nor texts$"):
        read_variables(tmp_path, "a.mat", ("m",))


def test_a_group_is_no_array(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as mat:
        mat["m/x"] = MATRIX
        mat["empty"] = h5py.Empty("f8")
    for name in ("m", "empty"):
        with pytest.raises(ValueError, match=rf"^a\.mat: variable '{name}' is no array$"):
            read_variables(tmp_path, "a.mat", (name,))


def test_texts_where_numbers_are_expected_are_refused(tmp_path: Path, write: Callable) -> None:
    write(tmp_path / "a.mat", m=MATRIX, names=["a", "b"])
    np.testing.assert_array_equal(MATRIX, read_numbers(tmp_path, "a.mat", ("m",))["m"])
    with pytest.raises(ValueError, match=r"^a\.mat:names: expected numbers, got 2 texts$"):
        read_numbers(tmp_path, "a.mat", ("m", "names"))


def test_what_a_damaged_file_has_for_names_is_shown_escaped_and_not_all_of_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as mat:
        mat["\x1b[31m"] = MATRIX
    with pytest.raises(ValueError, match="^" + re.escape("a.mat: has no variable 'm'; found: '\\x1b[31m'") + "$"):
        read_variables(tmp_path, "a.mat", ("m",))
    scipy.io.savemat(tmp_path / "b.mat", {f"x{i:02d}": i for i in range(30)})
    with pytest.raises(ValueError, match=r"found: x00, .*, x19, \.\.\.$"):
        read_variables(tmp_path, "b.mat", ("m",))


@pytest.mark.parametrize("shape", [(0, 5), (4, 0, 3)])
def test_a_picture_without_pixels_is_refused(tmp_path: Path, write_hdf5: Callable, shape: tuple[int, ...]) -> None:
    write_hdf5(tmp_path / "a.mat", IsT=[np.zeros(shape, np.uint8)])
    message = f"a.mat#IsT/1: expected (H, W) or (H, W, 3) uint8, got {shape} uint8"
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        read_picture(tmp_path, "a.mat#IsT/1")
