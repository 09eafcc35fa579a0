"""MATLAB's `.mat` files: variables of both formats, and pictures in a cell array.

Up to version 7 a `.mat` is MATLAB's own format (SciPy reads it); from 7.3 it is HDF5, which shows arrays transposed and
cells as references.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import scipy.io


def read_variables(root: Path, file: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Some variables of a `.mat`, in MATLAB's shapes; of a cell array of texts, an array of str.

    The arrays are kept for the next call, so that a file with a row per face is read once per process: do not write
    into them.

    Raises:
        ValueError: The file is missing, damaged, or lacks a variable; the message names both and what was found.
    """
    return _kept(str(root / file), file, tuple(names), *_state(root, file))


def _state(root: Path, file: str) -> tuple[int, int]:
    """When a file was modified, ns, and its size: what is kept of it holds while these stay."""
    try:
        state = (root / file).stat()
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror or error}") from error
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=8)
def _kept(path: str, file: str, names: tuple[str, ...], _modified_ns: int, _size: int) -> dict[str, np.ndarray]:
    try:
        found, arrays = _read_hdf5(path, names) if h5py.is_hdf5(path) else _read_matlab5(path, names)
    except Exception as error:  # SciPy alone raises six kinds for a damaged file, h5py four
        raise ValueError(f"{file}: damaged, cut off or no .mat file: {error}") from error
    for name in names:
        if name not in arrays:
            raise _lacks(file, name, found)
    return arrays


def _lacks(file: str, name: str, found: Sequence[str]) -> ValueError:
    return ValueError(f"{file}: has no variable {name!r}; found: {', '.join(sorted(found)) or 'none'}")


def _read_matlab5(path: str, names: tuple[str, ...]) -> tuple[list[str], dict[str, np.ndarray]]:
    found = [name for name, _, _ in scipy.io.whosmat(path)]
    loaded = scipy.io.loadmat(path, variable_names=[name for name in names if name in found])
    arrays = {name: loaded[name] for name in names if name in found}
    return found, {name: _texts(array) if array.dtype == object else array for name, array in arrays.items()}


def _texts(cells: np.ndarray) -> np.ndarray:
    return np.array([str(np.asarray(cell).item()) for cell in cells.ravel(order="F")])


def _read_hdf5(path: str, names: tuple[str, ...]) -> tuple[list[str], dict[str, np.ndarray]]:
    with h5py.File(path, "r", locking=False) as mat:
        found = _names(mat)
        arrays = {name: mat[name][()].T for name in names if name in found}
        for name, array in arrays.items():
            if array.dtype == h5py.ref_dtype:  # characters are 16-bit codes
                arrays[name] = np.array(["".join(map(chr, mat[cell][()].ravel())) for cell in array.ravel(order="F")])
    return found, arrays


def _names(mat: h5py.File) -> list[str]:
    return [name for name in mat if not name.startswith("#")]


def count_cells(root: Path, file: str, variable: str) -> int:
    """How many cells a cell array of a HDF5 `.mat` has; what lies in them is not read.

    Raises:
        ValueError: The file is missing, damaged or of another format, lacks the variable, or that is no cell array; the
            message names both.
    """
    return _counted(str(root / file), file, variable, *_state(root, file))


@lru_cache(maxsize=8)
def _counted(path: str, file: str, variable: str, _modified_ns: int, _size: int) -> int:
    try:
        with h5py.File(path, "r", locking=False) as mat:
            found = _names(mat)
            cells = mat[variable] if variable in found else None
            count = cells.size if isinstance(cells, h5py.Dataset) and cells.dtype == h5py.ref_dtype else None
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(f"{file}: damaged, cut off or no .mat file of version 7.3: {error}") from error
    if variable not in found:
        raise _lacks(file, variable, found)
    if count is None:
        raise ValueError(f"{file}:{variable}: expected a cell array")
    return int(count)


def picture_name(file: str, variable: str, number: int) -> str:
    """The name of the picture VARIABLE{NUMBER} of a file: numbers start at 1, as in MATLAB."""
    return f"{file}#{variable}/{number}"


def read_picture(root: Path, name: str) -> np.ndarray:
    """The picture FILE#VARIABLE/NUMBER of a HDF5 `.mat` in the dataset's folder, and in no other.

    Returns:
        (H, W, 3) uint8, RGB; gray ones have three equal channels.

    Raises:
        ValueError: It leads out of the folder, or there is no such picture; the message names it.
    """
    file, _, place = name.partition("#")
    variable, _, number = place.partition("/")
    if not (variable and number.isdecimal()):
        raise ValueError(f"{name}: expected a picture's name as FILE.mat#VARIABLE/NUMBER")
    if not (root / file).resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{name}: leads out of the dataset's folder")
    if not (root / file).is_file():
        raise ValueError(f"{name}: unreadable image: {file} is missing")
    try:
        pixels = _cell(root / file, variable, int(number))
    except (OSError, KeyError, IndexError, RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f"{name}: unreadable image: {error}") from error
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f"{name}: expected (H, W) or (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    return np.repeat(pixels.reshape(*pixels.shape[:2], -1), 3 if pixels.ndim == 2 or pixels.shape[2] == 1 else 1, -1)


def _cell(path: Path, variable: str, number: int) -> np.ndarray:
    """The array in a cell, in MATLAB's shape; numbers start at 1."""
    with h5py.File(path, "r", locking=False) as mat:
        cells = mat[variable][()].T.ravel(order="F")
        if not 1 <= number <= len(cells):
            raise IndexError(f"{variable} has {len(cells)} cells")
        return np.ascontiguousarray(mat[cells[number - 1]][()].T)
