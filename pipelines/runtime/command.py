"""How a command is called as `python -m pipelines.STAGE`, and how it fails: one clear sentence, exit code 1."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import typer

from components.text import printable
from pipelines.runtime import disk, environment
from pipelines.runtime.secrets import hide_in_tracebacks
from pipelines.runtime.unchanged import check_unchanged

STOPPED = 130  # 128 and SIGINT, as shells have it
PARAMS = "params"  # what a stage of DVC calls the file of parameters that it reads


def run(*mains: Callable[..., None]) -> None:
    """Runs `main` with its parameters from the command line; a ValueError is the user's and ends in a sentence.

    Of several functions each is a command below, under its own name.
    """
    environment.set_defaults()
    hide_in_tracebacks()
    take_kill_as_ctrl_c()
    module = mains[0].__module__
    name = module if module != "__main__" else sys.modules["__main__"].__spec__.name  # type: ignore[union-attr]
    name = name.removesuffix(".__main__").rpartition(".")[2]
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    for main in mains:
        app.command()(_ending_well(main, name))
    app()


def take_kill_as_ctrl_c() -> None:
    """Makes a `kill`, and the end of a flow, stops like a Ctrl-C, unless somebody made them something else before."""
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _ending_well(main: Callable[..., None], name: str) -> Callable[..., None]:
    @wraps(main)
    def ended(*words: object, **options: object) -> None:
        try:
            main(*words, **options)
            if PARAMS in options:  # DVC records no stage that fails
                check_unchanged(Path(str(options[PARAMS])))
        except KeyboardInterrupt:
            code, sentence = STOPPED, "stopped"
        except Exception as error:
            # A full disk comes as any library's error; whatever else is no ValueError is for us to mend.
            code, sentence = 1, disk.full_by(error) or (printable(str(error)) if isinstance(error, ValueError) else "")
            if not sentence:
                raise
        else:
            return
        print(f"{name}: {sentence}", file=sys.stderr, flush=True)
        raise SystemExit(code)

    return ended
