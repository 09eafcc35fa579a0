"""How a command is called as `python -m pipelines.STAGE`, and how it fails: one clear sentence, exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps

import typer

from pipelines.runtime import environment

STOPPED = 130  # 128 and SIGINT, as shells have it


def run(main: Callable[..., None]) -> None:
    """Runs `main` with its parameters from the command line; a ValueError is the user's and ends in a sentence."""
    environment.set_defaults()
    name = main.__module__ if main.__module__ != "__main__" else sys.modules["__main__"].__spec__.name  # type: ignore[union-attr]
    name = name.removesuffix(".__main__").rpartition(".")[2]
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(_ending_well(main, name))
    app()


def _ending_well(main: Callable[..., None], name: str) -> Callable[..., None]:
    @wraps(main)
    def ended(*words: object, **options: object) -> None:
        try:
            main(*words, **options)
        except ValueError as error:
            code, sentence = 1, str(error)
        except KeyboardInterrupt:
            code, sentence = STOPPED, "stopped"
        else:
            return
        print(f"{name}: {sentence}", file=sys.stderr, flush=True)
        raise SystemExit(code)

    return ended
