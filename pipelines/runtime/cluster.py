"""A Ray to work on: the cluster that RAY_ADDRESS names, or one of our own that lives as long as the stage."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
import ray.data
from ray.data._internal.execution.execution_callback import ExecutionCallback

from pipelines.runtime.environment import ROOT, STATE, ray_address

# Ray puts sockets about 65 characters below this folder, and a socket's path ends at 107.
LONGEST_RAY_FOLDER = 40
OBJECT_STORE_BYTES = 1 << 30
PACE_S = 0.05


@contextmanager
def connected(training_workers: int = 0) -> Iterator[None]:
    """Ray, quiet, for the block; one that is there already (a test's) is used and left alone.

    Args:
        training_workers: Logical CPUs to have beside the machine's cores. Training workers that held every CPU would
            wait for ever for their data workers.
    """
    if ray.is_initialized():
        yield
        return
    if ray_address():
        ray.init(address="auto", runtime_env={"working_dir": str(ROOT), "excludes": _NOT_CODE}, log_to_driver=False)
    else:
        _start(training_workers)
    quiet()
    try:
        yield
    finally:
        ray.shutdown()


_NOT_CODE = ["/data/", "/artifacts/", "/runs/", "/reports/", "/.venv/", "/.state/", "/.git/", "/.dvc/"]


def _start(training_workers: int) -> None:
    folder = _ray_folder()
    home = os.environ.get("HOME")
    # Ray's dashboard looks into the home folder for a cloud's cluster file, and asks the network for a cloud where
    # there is none. It inherits this home, in which the file says "local"; ours is put back at once.
    os.environ["HOME"] = str(_local_home())
    try:
        ray.init(
            num_cpus=(os.cpu_count() or 1) + training_workers,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=True,  # Ray Train asks it for the state of its placement groups
            dashboard_host="127.0.0.1",
            logging_level="WARNING",
            log_to_driver=False,
            _temp_dir=str(folder),
        )
    finally:
        if home is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = home


def _local_home() -> Path:
    home = STATE / "ray_home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "ray_bootstrap_config.yaml").write_text("provider: {type: local}\n", encoding="utf-8")
    return home


def _ray_folder() -> Path:
    folder = STATE / "ray"
    if len(str(folder)) <= LONGEST_RAY_FOLDER:
        return folder
    short = Path(tempfile.gettempdir()) / f"heatmark-{os.getuid()}"
    print(f"ray: {folder} is too long for its sockets; they go to {short}", flush=True)
    short.mkdir(mode=0o700, exist_ok=True)
    return short


class Paced(ExecutionCallback):
    """Lets Ray Data's scheduling loop sleep between its rounds.

    It spins while finished blocks wait for a consumer that is slower than their producers, which is what training is,
    and took more of a core than the network did: 300w_small made 105 faces/s on two cores then, and 241 with the pause.
    """

    def on_execution_step(self, executor: object) -> None:
        time.sleep(PACE_S)


def quiet() -> None:
    """Ray Data's settings, of this process: no bars, no footer readers, rows in order."""
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)  # it warns that it is quiet
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.use_datasource_v2 = False  # starts 32 footer readers per read
    context.execution_options.preserve_order = True
    context.custom_execution_callback_classes = [Paced]
    for name in ("ray", "ray.data", "ray.train"):
        logging.getLogger(name).setLevel(logging.WARNING)
