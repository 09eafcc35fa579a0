"""The studies of a checkout: their names and first sentences, and how one is started."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from textwrap import fill

WIDTH, INDENT = 80, " " * 6
GUARD = 'if __name__ == "__main__":'


def names(root: Path) -> dict[str, str]:
    """Name, as one types it -> the first line of its docstring, of every file or package in studies/ that can be run."""
    files = [path for path in (root / "studies").glob("*.py") if GUARD in path.read_text(encoding="utf-8")]
    found = {path.stem: path for path in files}
    found |= {path.parent.name: path for path in (root / "studies").glob("*/__main__.py")}
    return {name.replace("_", "-"): _first_line(found[name]) for name in sorted(found)}


def _first_line(path: Path) -> str:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return doc.partition("\n")[0]


def show(root: Path) -> None:
    """Prints every study with what it asks."""
    print("heatmark study NAME [ARGS]...")
    for name, line in names(root).items():
        print(f"\n  {name}\n{fill(line, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)}")


def start(root: Path, name: str, arguments: list[str]) -> None:
    """Replaces this process by `python -m studies.NAME`.

    Raises:
        ValueError: No study has this name.
    """
    known, module = names(root), name.replace("-", "_")
    if name.replace("_", "-") not in known:
        raise ValueError(f"unknown study {name!r}; known: {', '.join(known)}")
    sys.stdout.flush()
    # -P: the code is the checkout's, by PYTHONPATH, and not whatever lies in the working directory.
    os.execv(sys.executable, [sys.executable, "-P", "-m", f"studies.{module}", *arguments])
