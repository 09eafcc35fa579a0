"""Frees disk: what nothing needs any more is listed, and deleted when told to, while no retraining runs in this folder."""

from __future__ import annotations

from flows.workspace import only_writer
from pipelines.runtime import command
from pipelines.runtime.environment import require_checkout


def main(yes: bool = False, refused: bool = False) -> None:
    """Lists what may go; with YES deletes it. With REFUSED versions too that the gate alone decided against.

    Raises:
        ValueError: A retraining or an experiment runs, or the registry does not say what must stay.
    """
    root = require_checkout()
    from pipelines.gc.collect import collect, megabytes, told

    with only_writer():
        found, stays = collect(root, refused=refused)
        print(f"gc: {stays}", flush=True)
        for line in told(found):
            print(f"gc: {line}", flush=True)
        if not yes:
            print(f"gc: {megabytes(found)} may go; `heatmark gc --yes` deletes them" if found else "gc: nothing may go")
            return
        for item in found:
            item.remove()
        print(f"gc: {megabytes(found)} are deleted")


if __name__ == "__main__":
    command.run(main)
