"""One DVC experiment: changed parameters, the stages that they reach, and the comparison."""

from __future__ import annotations

import re
import subprocess

from pipelines.runtime.environment import require_checkout


def override(change: str) -> str:
    """A change as DVC takes it: by Hydra's rules a name in a path begins with a letter, and a dataset may be called 300w.

    >>> override("train.lr=0.001"), override("datasets.300w.share=0.5")
    ('train.lr=0.001', 'datasets={300w:{share:0.5}}')
    """
    named = re.fullmatch(r"datasets\.([^.=]+)\.([^.=]+)=(.*)", change)
    return f"datasets={{{named[1]}:{{{named[2]}:{named[3]}}}}}" if named else change


def main(changes: list[str]) -> None:
    """Runs `dvc exp run` with CHANGES, each KEY=VALUE of params.yaml, and shows what differs.

    Raises:
        ValueError: A change that is none, or DVC failed, after it said why.
    """
    root = require_checkout()
    wrong = [change for change in changes if not change.partition("=")[1]]
    if wrong:
        raise ValueError(f"{wrong[0]!r}: expected KEY=VALUE, as train.lr=0.001")
    settings = [word for change in changes for word in ("-S", override(change))]
    for words in (["dvc", "exp", "run", *settings], ["dvc", "exp", "show", "--only-changed"]):
        code = subprocess.run(words, cwd=root, check=False).returncode
        if code:
            raise ValueError(f"{' '.join(words)} ended with {code}")
