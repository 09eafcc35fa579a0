"""Machine matters: read from the environment, here and nowhere else. None of them decides a result.

Whatever the environment does not say gets a default that keeps every tool inside the repository, offline and quiet.
Set before ray, prefect, mlflow or dvc are imported: all four read the environment at import.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".state"
RUNS = ROOT / "runs"


def set_defaults() -> None:
    """Fills in what the environment leaves open."""
    for name, value in _defaults().items():
        os.environ.setdefault(name, value)
    if not ray_address():  # a cluster has a token of its own
        # Ray listens on every interface: keep its authentication on, with a token that is never written down.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))
    STATE.mkdir(exist_ok=True)  # Prefect makes its home, but not the folder above it
    # The stages that DVC starts call `python`: this very one.
    folder = str(Path(sys.executable).parent)
    if not os.environ["PATH"].startswith(folder + os.pathsep):
        os.environ["PATH"] = folder + os.pathsep + os.environ["PATH"]


def names() -> set[str]:
    """The variables that get a default."""
    return set(_defaults())


def tracking_uri() -> str:
    """MLflow's server, or the SQLite file beside the runs."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{RUNS / 'mlflow.db'}"


def ray_address() -> str | None:
    """The cluster to join, or None for a Ray of our own."""
    return os.environ.get("RAY_ADDRESS") or None


def storage() -> str:
    """Where Ray Train keeps checkpoints: any path or URL that all workers reach."""
    return os.environ.get("HEATMARK_STORAGE") or str(RUNS)


def _defaults() -> dict[str, str]:
    return {
        "PYTHONPATH": str(ROOT),
        # Telemetry and update checks.
        "DO_NOT_TRACK": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",  # `ray start` pings even when it is off
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DVC_NO_ANALYTICS": "1",
        # Nothing outside the repository.
        "PREFECT_HOME": str(STATE / "prefect"),
        "DVC_SITE_CACHE_DIR": str(STATE / "dvc"),
        "DVC_GLOBAL_CONFIG_DIR": str(STATE / "dvc"),
        "MPLCONFIGDIR": str(STATE / "matplotlib"),
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
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "GIT_PYTHON_REFRESH": "quiet",
        # One thread per process: two threads beside a busy neighbour are 3 to 60 times slower.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # glibc gives large blocks back at once and faults their pages in again at every step: 5% of a training here.
        "MALLOC_MMAP_THRESHOLD_": "4294967296",
        "MALLOC_TRIM_THRESHOLD_": "4294967296",
    }
