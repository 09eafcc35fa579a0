"""Looks at everything that a retraining needs, a line for each; or mends the paths of a checkout that was moved.

Reads the checkout, the environment, and what the servers and processes say; writes nothing, unless asked to mend.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from textwrap import wrap

from components.text import printable
from pipelines.doctor import (
    artifact_paths,
    data,
    device,
    disk,
    dvc_cache,
    dvc_remote,
    installed,
    interpreter,
    leftovers,
    prefect_server,
    ray_cluster,
    tracking_store,
)
from pipelines.doctor.check import OK, WARNING, WRONG, Check, wrong
from pipelines.registry import moved
from pipelines.runtime import command
from pipelines.runtime.environment import ROOT, require_checkout
from pipelines.runtime.secrets import without_secrets

Look = Callable[[], Check]
WIDTH, STATE_WIDTH, NAME_WIDTH = 80, 9, 11

LOOKS: dict[str, Look] = {
    "python": interpreter.look,
    "packages": partial(installed.look, ROOT),
    "torch": device.look,
    "disk": partial(disk.look, ROOT),
    "ray": partial(ray_cluster.look, ROOT),
    "mlflow": tracking_store.look,
    "paths": artifact_paths.look,
    "prefect": prefect_server.look,
    "data": partial(data.look, ROOT),
    "dvc cache": partial(dvc_cache.look, ROOT),
    "dvc remote": partial(dvc_remote.look, ROOT),
    "locks": partial(leftovers.locks, ROOT),
    "processes": partial(leftovers.processes, ROOT),
}


def examine(looks: dict[str, Look]) -> Iterator[tuple[str, Check]]:
    """Takes a look at each; one that fails is wrong itself, whatever it fails of, and the others go on."""
    for name, look in looks.items():
        try:
            yield name, look()
        except Exception as error:  # broken in a way that nobody thought of: that is what a doctor is called for
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            yield (
                name,
                wrong(f"cannot be looked at: {said}", "make -B .venv/.done; if that is no help, report this line"),
            )


def lines(name: str, check: Check) -> list[str]:
    """What is printed of a check, within 80 columns; passwords are not, wherever they came from."""
    indent = " " * (STATE_WIDTH + NAME_WIDTH)
    said = [check.seen, *([f"-> {check.mend}"] if check.mend else [])]
    parts = [printable(without_secrets(text)) for text in said]
    wrapped = [line for part in parts for line in wrap(part, WIDTH - len(indent), break_on_hyphens=False)]
    first = f"{check.state:{STATE_WIDTH}}{name:{NAME_WIDTH}}"
    return [first + wrapped[0], *(indent + line for line in wrapped[1:])]


def summary(states: list[str]) -> str:
    """How many of each there were."""
    numbers = {state: states.count(state) for state in (OK, WARNING, WRONG)}
    plural = "s" * (numbers[WARNING] != 1)
    return f"doctor: {numbers[OK]} ok, {numbers[WARNING]} warning{plural}, {numbers[WRONG]} wrong"


def main(mend_paths: bool = False) -> None:
    """Looks at everything, and ends with 1 if anything is wrong; or mends the registry's paths after the folder moved."""
    require_checkout()
    if mend_paths:
        print(f"doctor: {moved.mend()}", flush=True)
        return
    states = []
    for name, check in examine(LOOKS):
        print("\n".join(lines(name, check)), flush=True)
        states.append(check.state)
    print(summary(states))
    if WRONG in states:
        sys.exit(1)


if __name__ == "__main__":
    command.run(main)
