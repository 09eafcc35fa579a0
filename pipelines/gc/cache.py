"""DVC's cache: what neither the workspace, nor a commit, an experiment or a version that stays is made of.

A scheduled retraining is ahead of any commit, so DVC alone does not know of its data; and of a commit it wants to read its
config, which need not fit today's `config.local`. But DVC's own `gc` keeps what other projects need: all that stays is made the
outputs of such a project, for as long as that takes. The remote is left as it is, and so is a cache outside of the checkout: others
may share it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path

from dvc.config import Config

from pipelines.gc.item import Item

SAYS = "Removing "
HASH = re.compile(r"\bmd5: ([0-9a-f]{32}(?:\.dir)?)\b")


def items(root: Path, data_versions: Set[str]) -> Iterator[Item]:
    """The files of the cache that may go, as one.

    Args:
        root: Of the checkout.
        data_versions: MD5 of the data folders that stay, whatever git knows of.

    Raises:
        ValueError: DVC refuses, as while another command of it runs.
    """
    if not _cache(root).is_relative_to(root):
        return
    staying = data_versions | committed(root)
    said = _gc(root, staying, "--dry")
    paths = [Path(line.removeprefix(SAYS)) for line in said.splitlines() if line.startswith(SAYS)]
    lost = {path.parent.name + path.name for path in paths} & staying
    assert not lost, f"DVC would delete what is to stay: {lost}"
    if paths:
        size = sum(path.stat().st_size for path in paths)
        yield Item("DVC's cache", f"{len(paths)} files", size, lambda: _collect(root, staying))


def _cache(root: Path) -> Path:
    dvc = root / ".dvc"
    return Path(Config(dvc_dir=str(dvc))["cache"].get("dir") or dvc / "cache").resolve()


def committed(root: Path) -> set[str]:
    """MD5 of every output that a branch, tag, stash or experiment of DVC's has or ever had."""
    words = [
        "git",
        "log",
        "--all",
        "-m",
        "--patch",
        "--no-color",
        "--no-ext-diff",
        "--format=",
        "--",
        "*.dvc",
        "*dvc.lock",
    ]
    return set(HASH.findall(_run(words, root)))


def _collect(root: Path, staying: Set[str]) -> None:
    _gc(root, staying, "--force")


def _gc(root: Path, staying: Set[str], how: str) -> str:
    with _project(root, staying) as kept:
        return _run(["dvc", "gc", "--workspace", how, "--projects", str(kept)], root)


@contextmanager
def _project(root: Path, staying: Set[str]) -> Iterator[Path]:
    """A project of DVC's with this checkout's cache, whose outputs are all that stays."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run(["dvc", "init", "--quiet", "--no-scm"], folder)
        _run(["dvc", "cache", "dir", str(_cache(root))], folder)
        outputs = [f"- md5: {md5}\n  hash: md5\n  path: out{number}\n" for number, md5 in enumerate(sorted(staying))]
        (folder / "staying.dvc").write_text(f"outs:\n{''.join(outputs)}" if outputs else "outs: []\n", encoding="utf-8")
        yield folder


def _run(words: list[str], folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(
            f"{' '.join(words[:2])} failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}"
        )
    return done.stdout
