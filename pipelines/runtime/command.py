"""How a stage is called from the command line, and how it fails: one clear sentence, exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from components.text import printable


def run(main: Callable[..., None]) -> None:
    """Runs `main` with its parameters from the command line; a ValueError is the user's and ends in a sentence."""
    name = main.__module__ if main.__module__ != "__main__" else sys.modules["__main__"].__spec__.name  # type: ignore[union-attr]
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except ValueError as error:
        print(f"{name.rpartition('.')[2]}: {printable(str(error))}", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
