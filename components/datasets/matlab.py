"""MATLAB's `.mat` files: variables of both formats, and pictures in a cell array.

They are parsed in a process apart (`components.datasets.matlab_process`), since a damaged one can crash its parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from components.datasets.matlab_process import PARSER
from components.limits import check_pixels

NAMES_SHOWN = 20
LONGEST_NUMBER = 9  # digits of a cell's


def read_variables(root: Path, file: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Some variables of a `.mat`, in MATLAB's shapes; of a cell array of texts, an array of str.

    The arrays are kept for the next call, so that a file with a row per face is read once per process: do not write
    into them.

    Raises:
        ValueError: The file is missing, damaged, or lacks a variable; the message names both and what was found. Or a
            variable is too large, kept in another file, or neither numbers nor texts.
    """
    return _kept((root / file).absolute(), file, tuple(names), *_state(root, file))


def read_numbers(root: Path, file: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The same of variables that are numbers.

    Raises:
        ValueError: As of `read_variables`, or one is a cell array of texts.
    """
    arrays = read_variables(root, file, names)
    for name, array in arrays.items():
        if array.dtype.kind == "U":
            raise ValueError(f"{file}:{name}: expected numbers, got {array.size} texts")
    return arrays


def _state(root: Path, file: str) -> tuple[int, int]:
    """When a file was modified, ns, and its size: what is kept of it holds while these stay."""
    try:
        state = (root / file).stat()
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror or error}") from error
    return state.st_mtime_ns, state.st_size


def _asked(name: str, failure: str, question: str, path: Path, **details: object) -> dict[str, Any]:
    """The parser's answer.

    Raises:
        ValueError: The file failed: `name`, and where the reason is the parser's own words `failure` before them.
    """
    answer = PARSER.ask(question, path, **details)
    if "refused" in answer:
        raise ValueError(f"{name}: {answer['refused']}")
    if "error" in answer:
        raise ValueError(f"{name}: {failure}: {answer['error']}")
    return answer


@lru_cache(maxsize=8)
def _kept(path: Path, file: str, names: tuple[str, ...], _modified_ns: int, _size: int) -> dict[str, np.ndarray]:
    answer = _asked(file, "damaged, cut off or no .mat file", "variables", path, names=names)
    arrays = answer["arrays"] | {name: np.array(texts, str) for name, texts in answer["texts"].items()}
    for name in names:
        if name not in arrays:
            raise _lacks(file, name, answer["found"])
    return {name: arrays[name] for name in names}


def _lacks(file: str, name: str, found: Sequence[str]) -> ValueError:
    """The error of a variable that is not there; what a damaged file has for names is shown escaped."""
    shown = [word if word.isprintable() else ascii(word) for word in sorted(found)[:NAMES_SHOWN]]
    more = ["..."] if len(found) > NAMES_SHOWN else []
    return ValueError(f"{file}: has no variable {name!r}; found: {', '.join(shown + more) or 'none'}")


def count_cells(root: Path, file: str, variable: str) -> int:
    """How many cells a cell array of a HDF5 `.mat` has; what lies in them is not read.

    Raises:
        ValueError: The file is missing, damaged or of another format, lacks the variable, or that is no cell array; the
            message names both.
    """
    return _counted((root / file).absolute(), file, variable, *_state(root, file))


@lru_cache(maxsize=8)
def _counted(path: Path, file: str, variable: str, _modified_ns: int, _size: int) -> int:
    failure = "damaged, cut off or no .mat file of version 7.3"
    answer = _asked(file, failure, "count", path, variable=variable)
    if variable not in answer["found"]:
        raise _lacks(file, variable, answer["found"])
    if answer["count"] is None:
        raise ValueError(f"{file}:{variable}: expected a cell array")
    return answer["count"]


def picture_name(file: str, variable: str, number: int) -> str:
    """The name of the picture VARIABLE{NUMBER} of a file: numbers start at 1, as in MATLAB."""
    return f"{file}#{variable}/{number}"


def read_picture(root: Path, name: str) -> np.ndarray:
    """The picture FILE#VARIABLE/NUMBER of a HDF5 `.mat` in the dataset's folder, and in no other.

    Returns:
        (H, W, 3) uint8, RGB; gray ones have three equal channels.

    Raises:
        ValueError: It leads out of the folder, there is no such picture, or it has too many pixels; the message names it.
    """
    file, _, place = name.partition("#")
    variable, _, number = place.partition("/")
    if not (variable and number.isdecimal() and len(number) <= LONGEST_NUMBER):
        raise ValueError(f"{name}: expected a picture's name as FILE.mat#VARIABLE/NUMBER")
    if not (root / file).resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{name}: leads out of the dataset's folder")
    if not (root / file).is_file():
        raise ValueError(f"{name}: unreadable image: {file} is missing")
    path, cell = (root / file).absolute(), int(number)
    look = _asked(name, "unreadable image", "look", path, variable=variable, number=cell)
    _check_picture(name, tuple(look["shape"]), look["dtype"])
    answer = _asked(name, "unreadable image", "cell", path, variable=variable, number=cell)
    pixels = answer["arrays"]["cell"].T
    return np.repeat(pixels.reshape(*pixels.shape[:2], -1), 3 if pixels.ndim == 2 or pixels.shape[2] == 1 else 1, -1)


def _check_picture(name: str, shape: tuple[int, ...], dtype: str) -> None:
    if dtype != "uint8" or len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)) or 0 in shape:
        raise ValueError(f"{name}: expected (H, W) or (H, W, 3) uint8, got {shape} {dtype}")
    height, width, *_ = shape
    check_pixels(height, width, f"{name}: picture")
