"""One DVC experiment: changed parameters, the stages that they reach, and the comparison."""

from __future__ import annotations

import subprocess

from pipelines.runtime.environment import require_checkout


def main(changes: list[str]) -> None:
    """Runs `dvc exp run` with CHANGES, each KEY=VALUE of params.yaml, and shows what differs.

    Raises:
        ValueError: A change that is none, or DVC failed, after it said why.
    """
    root = require_checkout()
    wrong = [change for change in changes if not change.partition("=")[1]]
    if wrong:
        raise ValueError(f"{wrong[0]!r}: expected KEY=VALUE, as train.lr=0.001")
    settings = [word for change in changes for word in ("-S", change)]
    for words in (["dvc", "exp", "run", *settings], ["dvc", "exp", "show", "--only-changed"]):
        code = subprocess.run(words, cwd=root, check=False).returncode
        if code:
            raise ValueError(f"{' '.join(words)} ended with {code}")
