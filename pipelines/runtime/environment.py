"""Machine matters: read from the environment, here and nowhere else. None of them decides a result.

Whatever the environment does not say gets a default that keeps every tool inside the checkout, offline and quiet.
Entry points set these before ray, prefect, mlflow or dvc are imported: all four read the environment at import.
Importing this file changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import sys
import tempfile
from pathlib import Path

ROOT_VARIABLE = "HEATMARK_ROOT"
# glibc gives large blocks back at once, and faults their pages in again at every step; never here. In any thread but the first,
# such as that in which Ray Train trains, it finds room for a large block by such a fault alone, unless all share one arena.
ALLOCATOR = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
}


def find_checkout() -> Path | None:
    """The checkout that HEATMARK_ROOT names, or the nearest one from the working directory upwards; None without one."""
    named = os.environ.get(ROOT_VARIABLE)
    start = Path(named or ".").resolve()
    return next(filter(is_checkout, [start] if named else [start, *start.parents]), None)


def is_checkout(folder: Path) -> bool:
    """Whether a folder is the top of a checkout of this project."""
    project = folder / "pyproject.toml"
    if not (folder / "dvc.yaml").is_file() or not project.is_file():
        return False
    return re.search(r'^name = "heatmark"$', project.read_text(encoding="utf-8", errors="replace"), re.M) is not None


CHECKOUT = find_checkout()
# Outside a checkout these name what is not there, and nothing is made: commands that need one say so.
ROOT = CHECKOUT or Path.cwd()
STATE = ROOT / ".state"
RUNS = ROOT / "runs"


def require_checkout() -> Path:
    """The checkout to work in.

    Raises:
        ValueError: There is none.
    """
    if CHECKOUT is None:
        named = os.environ.get(ROOT_VARIABLE)
        where = f"{named} is none" if named else f"neither {Path.cwd()} nor a folder above it is one"
        raise ValueError(
            f"this command needs a checkout of Heatmark: {where}; clone it and go there, or name it by --root"
        )
    return CHECKOUT


def from_root(path: str | None) -> str | None:
    """A path that somebody typed, for a command that works in ROOT; as it was, where they typed it there."""
    return path if path is None or Path.cwd() == ROOT else str(Path(path).resolve())


def begin() -> None:
    """For a command that Python is about to look for, as `python -m` names it: sets the defaults, before its imports.

    The C library has read its settings when the process began. Where they were not there yet, the process begins again
    with them, under its number, before it has imported anything that takes time.
    """
    missing = ALLOCATOR.keys() - os.environ.keys()
    set_defaults()
    if missing:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def set_defaults(only: str = "") -> None:
    """Fills in what the environment leaves open; a second call changes nothing.

    Args:
        only: What the names begin with, for a program that is not ours and asks for one tool; "" for everything.
    """
    for name, value in _defaults().items():
        if name.startswith(only):
            os.environ.setdefault(name, value)
    if only:
        return
    if not ray_address():  # a cluster has a token of its own
        for name, value in _own_ray().items():
            os.environ.setdefault(name, value)
    # The stages that DVC starts call `python`: this very one.
    _put_first("PATH", Path(sys.executable).parent)
    if CHECKOUT:
        # Ray's workers, and whatever else is started, import this checkout's code, not the one that is installed.
        _put_first("PYTHONPATH", CHECKOUT)
        STATE.mkdir(exist_ok=True)  # Prefect makes its home, but not the folder above it


def _put_first(name: str, folder: Path) -> None:
    """Makes a folder the first of the search path in a variable."""
    parts = os.environ.get(name, "").split(os.pathsep)
    if parts[0] != str(folder):
        os.environ[name] = os.pathsep.join([str(folder), *filter(None, parts)])


def names() -> set[str]:
    """The variables that this file sets."""
    return {*_defaults(), *_inside(), *_own_ray(), ROOT_VARIABLE, "PYTHONPATH"}


def tracking_uri() -> str:
    """MLflow's server, or the SQLite file beside the runs.

    Raises:
        ValueError: No server is named, and there is no checkout to have runs.
    """
    named = os.environ.get("MLFLOW_TRACKING_URI")
    if not named and CHECKOUT is None:
        raise ValueError("there is no registry here: work in a checkout of Heatmark, or set MLFLOW_TRACKING_URI")
    return named or f"sqlite:///{RUNS / 'mlflow.db'}"


def prefect_home() -> Path:
    """Prefect's folder, with the database of its own server."""
    return Path(os.environ.get("PREFECT_HOME") or STATE / "prefect")


def ray_address() -> str | None:
    """The cluster to join, or None for a Ray of our own."""
    return os.environ.get("RAY_ADDRESS") or None


def short_ray_folder(root: Path = ROOT) -> Path:
    """Where a checkout's own Ray keeps its session, where the checkout's path is too long for its sockets; no other checkout's does."""
    which = hashlib.sha256(os.fsencode(root)).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"heatmark-{os.getuid()}-{which}"


def storage() -> str:
    """Where Ray Train keeps checkpoints: any path or URL that all workers reach."""
    return os.environ.get("HEATMARK_STORAGE") or str(RUNS)


def _own_ray() -> dict[str, str]:
    """A Ray of our own is for this machine, and for us."""
    loopback = next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)
    return {
        # Without clusters, Ray listens on loopback, as it does on the systems that this is named after.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # So do the workers of a training, among each other.
        **({"GLOO_SOCKET_IFNAME": loopback} if loopback else {}),
        # Others of this machine's users reach it there; the token is never written down.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
    }


def notify_block() -> str | None:
    """The block of Prefect that is told what became of a retraining, TYPE/NAME; None where nobody is."""
    return os.environ.get("HEATMARK_NOTIFY") or None


def _inside() -> dict[str, str]:
    """Nothing is kept outside the checkout."""
    return {
        "PREFECT_HOME": str(STATE / "prefect"),
        "DVC_SITE_CACHE_DIR": str(STATE / "dvc"),
        "DVC_GLOBAL_CONFIG_DIR": str(STATE / "dvc"),
        "MPLCONFIGDIR": str(STATE / "matplotlib"),
    }


def _defaults() -> dict[str, str]:
    return {
        **(_inside() if CHECKOUT else {}),
        # Telemetry and update checks.
        "DO_NOT_TRACK": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",  # `ray start` pings even when it is off
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DVC_NO_ANALYTICS": "1",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
        "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_DATA_PARQUET_FOOTER_NUM_ACTORS": "1",
        # A server that is away is said within seconds, not after minutes of retries.
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        # Lines go to the flow run's page; tasks print their own to the terminal.
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",  # a line for each of its events that a server does not take
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines with a server, for each decision that is written down
        "GIT_PYTHON_REFRESH": "quiet",
        # One thread per process: two threads beside a busy neighbour are 3 to 60 times slower.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **ALLOCATOR,
    }
