"""DVC's cache: what neither the workspace, nor a commit, an experiment or a version that stays is made of.

A scheduled retraining is ahead of any commit, so DVC alone does not know of its data. DVC's own `gc` keeps what other projects
need: the data of the versions that stay are made such a project, for as long as that takes. The remote is left as it is.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from dvc.config import Config

from pipelines.gc.item import Item

SAYS = "Removing "


def items(root: Path, data_versions: Collection[str]) -> Iterator[Item]:
    """The files of the cache that may go, as one.

    Args:
        root: Of the checkout.
        data_versions: MD5 of the data folders that stay.

    Raises:
        ValueError: DVC refuses, as while another command of it runs.
    """
    said = _gc(root, data_versions, "--dry")
    paths = [Path(line.removeprefix(SAYS)) for line in said.splitlines() if line.startswith(SAYS)]
    lost = {path.parent.name + path.name for path in paths} & set(data_versions)
    assert not lost, f"DVC would delete data of versions that stay: {lost}"
    if paths:
        size = sum(path.stat().st_size for path in paths)
        yield Item("DVC's cache", f"{len(paths)} files", size, lambda: _collect(root, data_versions))


def _collect(root: Path, data_versions: Collection[str]) -> None:
    _gc(root, data_versions, "--force")


def _gc(root: Path, data_versions: Collection[str], how: str) -> str:
    with _project(root, data_versions) as kept:
        words = ["dvc", "gc", "--all-commits", "--all-experiments", how, "--projects", str(kept)]
        return _run(words, root)


@contextmanager
def _project(root: Path, data_versions: Collection[str]) -> Iterator[Path]:
    """A project of DVC's with this checkout's cache, and an output for each data folder."""
    cache = Config(dvc_dir=str(root / ".dvc"))["cache"].get("dir") or str(root / ".dvc" / "cache")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run(["git", "init", "--quiet"], folder)
        _run(["dvc", "init", "--quiet"], folder)
        _run(["dvc", "cache", "dir", "--local", str(cache)], folder)
        for number, md5 in enumerate(sorted(data_versions)):
            text = f"outs:\n- md5: {md5}\n  hash: md5\n  path: data{number}\n"
            (folder / f"data{number}.dvc").write_text(text, encoding="utf-8")
        yield folder


def _run(words: list[str], folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(
            f"{' '.join(words[:2])} failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}"
        )
    return done.stdout
