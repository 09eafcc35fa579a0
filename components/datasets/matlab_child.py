"""What parses `.mat` files, in a process of its own that may die of it: one wrong byte can crash SciPy's or HDF5's parser.

`components.datasets.matlab_process` starts this file as a script. It forks a worker, which answers requests until a file
fails; then the next worker comes, so that none inherits what a damaged file has done to another's memory. A request is
a line of JSON on stdin, one at a time; an answer is 8 bytes, the length of a JSON object, that object, and behind it the
bytes of the arrays that it lists. It ends when stdin does, hence with the process that started it.

MATLAB's own format, up to version 7, is SciPy's to read; from 7.3 a `.mat` is HDF5, which shows arrays transposed and
cells as references.
"""

from __future__ import annotations

import gc
import json
import math
import mmap
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable

import h5py
import numpy as np
import scipy.io

# A face's own file takes milliseconds, the largest real one (COFW's training faces) a few seconds on a slow disk.
TIME_LIMIT_S = 60
# Of a worker: room for three copies of a picture at the limit in pixels, and for the libraries.
MEMORY_BYTES = 2 << 30
# Of one variable; the largest real one, AFLW-19's 24,386 x 38 coordinates, has 7.4 MB.
VARIABLE_BYTES = 128 << 20
# Of one text: the longest path that Linux opens.
TEXT_LENGTH = 4096
ENDED, FAILED = 0, 1  # how a worker ends: stdin did, or a file failed


class RefusedError(ValueError):
    """A file that is refused though it could be read."""


def main() -> None:
    warnings.simplefilter("ignore")
    gc.collect()
    gc.freeze()  # or the first collection in a worker would copy all pages
    _send({"ready": True})
    sending = mmap.mmap(-1, 1)  # shared with the worker: 1 while an answer is on its way
    while True:
        worker = os.fork()
        if not worker:
            os._exit(_work(sending))
        state = os.waitpid(worker, 0)[1]
        if os.WIFSIGNALED(state):
            if sending[0]:
                return  # half an answer has been sent: the end of the stream says so
            _send({"refused": _cause(os.WTERMSIG(state))})
        elif os.WEXITSTATUS(state) != FAILED:
            return


def _cause(number: int) -> str:
    if number == signal.SIGALRM:
        return f"its parser took more than {TIME_LIMIT_S} s: damaged"
    return f"its parser crashed ({signal.Signals(number).name}): damaged"


def _work(sending: mmap.mmap) -> int:
    """Answers until a file fails; gives how it ended."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    for limit, value in ((resource.RLIMIT_DATA, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))
    while line := sys.stdin.buffer.readline():
        signal.alarm(TIME_LIMIT_S)
        answer, arrays = _answer(json.loads(line))
        signal.alarm(0)
        sending[0] = 1
        _send(answer, arrays)
        sending[0] = 0
        if "found" not in answer:
            return FAILED
    return ENDED


def _send(answer: dict, arrays: dict[str, np.ndarray] | None = None) -> None:
    whole = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    listed = [(name, array.dtype.str, array.shape) for name, array in whole.items()]
    head = json.dumps({**answer, "arrays": listed}).encode()
    sys.stdout.buffer.write(len(head).to_bytes(8, "big") + head)
    for array in whole.values():
        if array.size:  # of none there is no view
            sys.stdout.buffer.write(array.reshape(-1).data.cast("B"))
    sys.stdout.buffer.flush()


def _answer(request: dict) -> tuple[dict, dict[str, np.ndarray]]:
    """The JSON object, and the arrays: of a failure the reason, else `found`, the names of the file's variables."""
    ask = ASKED[request.pop("ask")]
    try:
        return ask(**request)
    except RefusedError as error:
        return {"refused": str(error)}, {}
    except MemoryError:
        return {"refused": f"takes more than {MEMORY_BYTES >> 20} MiB to read"}, {}
    except Exception as error:  # SciPy alone raises six kinds for a damaged file, h5py four
        return {"error": " ".join(str(error).split()) or type(error).__name__}, {}


def read_variables(path: str, names: list[str]) -> tuple[dict, dict[str, np.ndarray]]:
    """Those of the names that are there, in MATLAB's shapes; of a cell array of texts, the texts."""
    found, values = _read_hdf5(path, names) if h5py.is_hdf5(path) else _read_matlab5(path, names)
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise RefusedError(f"variable {name!r} is neither numbers nor texts")
    return {"found": found, "texts": {name: value for name, value in values.items() if name not in arrays}}, arrays


def _read_matlab5(path: str, names: list[str]) -> tuple[list[str], dict[str, np.ndarray | list[str]]]:
    listed = scipy.io.whosmat(path, appendmat=False)
    for name, shape, _ in listed:
        if name in names:
            _check_bytes(8 * abs(math.prod(shape)), f"variable {name!r}")  # 8: of a double, the widest
    found = [name for name, _, _ in listed]
    wanted = [name for name in names if name in found]
    loaded = scipy.io.loadmat(path, variable_names=wanted, appendmat=False)
    return found, {
        name: _matlab5_texts(loaded[name]) if loaded[name].dtype == object else loaded[name] for name in wanted
    }


def _matlab5_texts(cells: np.ndarray) -> list[str]:
    return [_text(str(np.asarray(cell).item()).encode("utf-16-le", "surrogatepass")) for cell in cells.ravel(order="F")]


def _text(utf16: bytes) -> str:
    """A text that can be written as UTF-8: half a surrogate pair becomes U+FFFD."""
    if len(utf16) > 2 * TEXT_LENGTH:
        raise RefusedError(f"a text of more than {TEXT_LENGTH} characters")
    return utf16.decode("utf-16-le", "replace")


def _read_hdf5(path: str, names: list[str]) -> tuple[list[str], dict[str, np.ndarray | list[str]]]:
    with h5py.File(path, "r", locking=False) as mat:
        found = _names(mat)
        return found, {name: _read(mat, name) for name in names if name in found}


def _names(mat: h5py.File) -> list[str]:
    return [name for name in mat if not name.startswith("#")]


def _read(mat: h5py.File, name: str) -> np.ndarray | list[str]:
    variable = _variable(mat, name)
    _check_bytes(_declared(variable), f"variable {name!r}")
    if variable.dtype == h5py.ref_dtype:
        return [_hdf5_text(mat, cell, name) for cell in variable[()].ravel()]
    if variable.dtype.kind == "O":  # of any length, which nothing declares
        raise RefusedError(f"variable {name!r} is neither numbers nor texts")
    return variable[()].T


def _variable(mat: h5py.File, name: str) -> h5py.Dataset:
    """A variable that lies in this file.

    Raises:
        RefusedError: It is a link, which may lead to another file, or no array, or is kept elsewhere.
    """
    if not isinstance(mat.get(name, getlink=True), h5py.HardLink):
        raise RefusedError(f"variable {name!r} is a link; none is followed")
    return _own(mat[name], f"variable {name!r}")


def _own(item: object, what: str) -> h5py.Dataset:
    if not isinstance(item, h5py.Dataset) or item.shape is None:
        raise RefusedError(f"{what} is no array")
    if item.external or item.is_virtual:
        raise RefusedError(f"{what} is kept in another place, which is not read")
    return item


def _declared(dataset: h5py.Dataset) -> int:
    return math.prod(dataset.shape) * dataset.dtype.itemsize


def _check_bytes(count: int, what: str) -> None:
    if count > VARIABLE_BYTES:
        raise RefusedError(f"{what} is said to have {count >> 20} MiB; at most {VARIABLE_BYTES >> 20} are read")


def _hdf5_text(mat: h5py.File, reference: h5py.Reference, name: str) -> str:
    cell = _own(mat[reference], f"a cell of {name!r}")
    if cell.dtype not in (np.uint8, np.uint16):
        raise RefusedError(f"variable {name!r} is neither numbers nor texts")
    if cell.size > TEXT_LENGTH:
        raise RefusedError(f"a text of more than {TEXT_LENGTH} characters")
    return _text(cell[()].astype("<u2").tobytes())


def count_cells(path: str, variable: str) -> tuple[dict, dict[str, np.ndarray]]:
    """How many cells a cell array of a HDF5 file has; None of what is no cell array."""
    with h5py.File(path, "r", locking=False) as mat:
        found = _names(mat)
        cells = _variable(mat, variable) if variable in found else None
        count = math.prod(cells.shape) if cells is not None and cells.dtype == h5py.ref_dtype else None
        return {"found": found, "count": count}, {}


def look_at_cell(path: str, variable: str, number: int) -> tuple[dict, dict[str, np.ndarray]]:
    """Shape and type of the array in a cell, without reading it."""
    with h5py.File(path, "r", locking=False) as mat:
        cell = _cell(mat, variable, number)
        return {"found": _names(mat), "shape": cell.shape[::-1], "dtype": str(cell.dtype)}, {}


def read_cell(path: str, variable: str, number: int) -> tuple[dict, dict[str, np.ndarray]]:
    """The array in a cell, transposed as it lies there: to turn it in memory takes as long as to read it."""
    with h5py.File(path, "r", locking=False) as mat:
        return {"found": _names(mat)}, {"cell": _cell(mat, variable, number)[()]}


def _cell(mat: h5py.File, variable: str, number: int) -> h5py.Dataset:
    """What lies in a cell; numbers start at 1."""
    if variable not in _names(mat):
        raise KeyError(f"has no variable {variable!r}")
    cells = _variable(mat, variable)
    if cells.dtype != h5py.ref_dtype:
        raise RefusedError(f"variable {variable!r} is no cell array")
    if not 1 <= number <= cells.size:
        raise IndexError(f"{variable} has {cells.size} cells")
    reference = cells[tuple(np.unravel_index(number - 1, cells.shape))]
    return _own(mat[reference], f"{variable}{{{number}}}")


ASKED: dict[str, Callable[..., tuple[dict, dict[str, np.ndarray]]]] = {
    "variables": read_variables,
    "count": count_cells,
    "look": look_at_cell,
    "cell": read_cell,
}

if __name__ == "__main__":
    main()
