"""A Ray to work on: the cluster that RAY_ADDRESS names, or one of our own that lives as long as the stage."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import ray
import ray.data
from ray.data._internal.execution.execution_callback import ExecutionCallback
from ray.data._internal.execution.operators.task_pool_map_operator import TaskPoolMapOperator
from ray.data._internal.execution.streaming_executor import StreamingExecutor
from ray.exceptions import ActorDiedError, OutOfMemoryError, WorkerCrashedError

from pipelines.runtime.environment import ALLOCATOR, ROOT, STATE, ray_address, short_ray_folder
from pipelines.runtime.memory import machine_bytes

# Ray puts sockets about 65 characters below this folder, and a socket's path ends at 107.
LONGEST_RAY_FOLDER = 40
# Of the machine's memory, for the object store: what is not used of it costs nothing.
STORE_SHARE = 0.3
# The store lies here, and must leave a part of it; a container's is often far too small, and Ray goes to the disk then.
SHARED, SHARED_SHARE, LEAST_STORE = Path("/dev/shm"), 0.9, 1 << 30  # noqa: S108
PACE_S = 0.05
# Ray gives its own processes 15 and 30 seconds to begin, whatever the machine is busy with, and has no setting for it.
STARTS, TOO_SLOW = 3, "timed out during startup"
# Of a task whose worker process died, and of an actor: Ray Data's own default is for ever. Twice is enough for a
# process that somebody killed; what crashes three times will crash again.
MAX_RETRIES = 2
# Of a task that Ray itself ended for want of memory: others may soon give some back.
MAX_MEMORY_RETRIES = 10


@contextmanager
def connected(training_workers: int = 0) -> Iterator[None]:
    """Ray, quiet, for the block; one that is there already (a test's) is used and left alone.

    Args:
        training_workers: Logical CPUs to have beside the machine's cores. Training workers that held every CPU would
            wait for ever for their data workers.

    Raises:
        ValueError: A worker process died again and again.
    """
    if ray.is_initialized():
        with _deaths_told():
            yield
        return
    if ray_address():
        # Its processes began without our environment.
        workers = {"working_dir": str(ROOT), "excludes": _NOT_CODE, "env_vars": ALLOCATOR}
        ray.init(address="auto", runtime_env=workers, log_to_driver=False)
    else:
        _start(training_workers)
    quiet()
    try:
        with _deaths_told():
            yield
    finally:
        ray.shutdown()


@contextmanager
def _deaths_told() -> Iterator[None]:
    try:
        yield
    except (WorkerCrashedError, ActorDiedError, OutOfMemoryError) as error:
        raise ValueError(
            f"a worker process of Ray died, and so did those that tried again ({MAX_RETRIES} times; {MAX_MEMORY_RETRIES} "
            "where it ran out of memory): killed, out of memory, or crashed by its input; Ray's logs, above, say more"
        ) from error


_NOT_CODE = ["/data/", "/artifacts/", "/runs/", "/reports/", "/.venv/", "/.state/", "/.git/", "/.dvc/"]


def _start(training_workers: int) -> None:
    folder = _ray_folder()
    home = os.environ.get("HOME")
    # Ray's dashboard looks into the home folder for a cloud's cluster file, and asks the network for a cloud where
    # there is none. It inherits this home, in which the file says "local"; ours is put back at once.
    os.environ["HOME"] = str(_local_home())
    try:
        for attempt in range(1, STARTS + 1):
            if _started(training_workers, folder):
                return
            print(f"ray: it did not start in time, since this machine is busy ({attempt} of {STARTS})", flush=True)
        raise ValueError(
            f"Ray did not start {STARTS} times in a row: this machine is too busy, or its memory too small, for Ray's own "
            f"processes to begin within 30 s; try again when it is quieter, or look into {folder}/session_latest/logs"
        )
    finally:
        if home is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = home


def _started(training_workers: int, folder: Path) -> bool:
    """Starts Ray, or ends what it has started of itself where it was too slow."""
    before = set(psutil.Process().children())
    try:
        ray.init(
            num_cpus=(os.cpu_count() or 1) + training_workers,
            object_store_memory=_store_bytes(),
            include_dashboard=True,  # Ray Train asks it for the state of its placement groups
            dashboard_host="127.0.0.1",
            logging_level="WARNING",
            log_to_driver=False,
            _temp_dir=str(folder),
            _system_config={"task_oom_retries": MAX_MEMORY_RETRIES},
        )
    except Exception as error:
        if TOO_SLOW not in str(error):
            raise
        left = [process for process in psutil.Process().children() if process not in before]
        for process in left:
            process.kill()  # those below them end with them
        psutil.wait_procs(left)
        return False
    return True


def _store_bytes() -> int:
    """What our own Ray's object store may hold: a share of the machine's memory."""
    shared = shutil.disk_usage(SHARED).free if SHARED.is_dir() else 0
    return int(min(STORE_SHARE * machine_bytes(), max(SHARED_SHARE * shared, LEAST_STORE)))


def _local_home() -> Path:
    home = STATE / "ray_home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "ray_bootstrap_config.yaml").write_text("provider: {type: local}\n", encoding="utf-8")
    return home


def object_store_bytes() -> float:
    """Of the node that has the least."""
    return min(node["Resources"].get("object_store_memory", 0) for node in ray.nodes() if node["Alive"])


def _ray_folder() -> Path:
    folder = STATE / "ray"
    if len(str(folder)) <= LONGEST_RAY_FOLDER:
        return folder
    short = short_ray_folder()
    print(f"ray: {folder} is too long for its sockets; they go to {short}", flush=True)
    short.mkdir(mode=0o700, exist_ok=True)
    return short


class Paced(ExecutionCallback):
    """Lets Ray Data's scheduling loop sleep between its rounds.

    It spins while finished blocks wait for a consumer that is slower than their producers, which is what training is,
    and took more of a core than the network did: 300w_small made 105 faces/s on two cores then, and 241 with the pause.
    """

    def on_execution_step(self, executor: StreamingExecutor) -> None:
        time.sleep(PACE_S)


class Bounded(ExecutionCallback):
    """Bounds the tries of tasks whose worker process dies; those of actors are `MAX_RETRIES` where they are asked for.

    Not `max_retries` at each call: a map that has it and a reading task that has not are not run as one.
    """

    def before_execution_starts(self, executor: StreamingExecutor) -> None:
        for operator in executor._topology or ():
            if isinstance(operator, TaskPoolMapOperator):
                operator._ray_remote_args["max_retries"] = MAX_RETRIES


def quiet() -> None:
    """Ray Data's settings, of this process: no bars, no footer readers, rows in order, few tries."""
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)  # it warns that it is quiet
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.use_datasource_v2 = False  # starts 32 footer readers per read
    context.execution_options.preserve_order = True
    context.custom_execution_callback_classes = [Paced, Bounded]
    for name in ("ray", "ray.data", "ray.train"):
        logging.getLogger(name).setLevel(logging.WARNING)
