"""How a stage is called from the command line, and how it fails: one clear sentence, exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from components.text import printable


def run(*mains: Callable[..., None]) -> None:
    """Runs `main` with its parameters from the command line; a ValueError is the user's and ends in a sentence.

    Of several functions each is a command below, under its own name.
    """
    module = mains[0].__module__
    name = module if module != "__main__" else sys.modules["__main__"].__spec__.name  # type: ignore[union-attr]
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    for main in mains:
        app.command()(main)
    try:
        app()
    except ValueError as error:
        print(f"{name.removesuffix('.__main__').rpartition('.')[2]}: {printable(str(error))}", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
