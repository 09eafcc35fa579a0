"""A registered version made again, from its commit, its lock, its data and its params, in a folder of its own; and compared.

Nothing of today's checkout is used but its git history, its DVC remote and cache, and its registry.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from components.metrics import Difference
from components.model import WEIGHTS
from components.model_file import sha256
from pipelines.params import load_params
from pipelines.registry import tracking
from pipelines.registry.lineage import PROVENANCE, machine
from pipelines.registry.register import CHANGES
from pipelines.registry.same_faces import same_faces
from pipelines.runtime.environment import ROOT, RUNS, names
from pipelines.runtime.tables import read_table

FOLDER = "reproduced"
# What the worktree calls the cache of this checkout, among its remotes.
CACHE = "heatmark-cache"
# Two trainings whose arithmetic differs are no more alike than two seeds; this holds for 999 of 1,000 such pairs.
CONFIDENCE = 0.999


def reproduce(registry: tracking.Registry, version: str) -> str:
    """Makes a version again; returns what there is to say of the comparison.

    Args:
        registry: Of the model.
        version: Of it.

    Raises:
        ValueError: There is no such version, something that made it is gone, a step failed, or what came out is another model.
    """
    registry.require(version)
    tags = registry.tags(version)
    folder = RUNS / FOLDER / f"{registry.name}-{version}"
    with tempfile.TemporaryDirectory() as kept:
        provenance = _fetch(registry, tags, "provenance", Path(kept))
        check_out(folder, tags["git_commit"].partition("+")[0], provenance)
        check_code(folder, provenance)
        make(folder)
        evaluation = _fetch(registry, tags, "evaluation", Path(kept))
        model = registry.model_folder(version, Path(kept) / "model")
        return compared(folder, evaluation, model, tags)


def _fetch(registry: tracking.Registry, tags: dict[str, str], name: str, to: Path) -> Path:
    kept = tracking.fetch(registry.client, tags.get("run_id", ""), name, to)
    if kept is None:
        raise ValueError(
            f"the run {tags.get('run_id', '?')} keeps no {name}/ any more, without which nothing can be made again"
        )
    return kept


def check_out(folder: Path, commit: str, provenance: Path) -> None:
    """A clean worktree of the commit, with what it was changed by, and with the params, data and lock of that run.

    Raises:
        ValueError: The commit is not here, or its changes do not fit.
    """
    _git("worktree", "prune")
    if folder.exists():
        _git("worktree", "remove", "--force", str(folder))
    if subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True).returncode:
        raise ValueError(
            f"commit {commit} is not in this clone: `git fetch --all`, or ask who registered the version to push it"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    _git("worktree", "add", "--quiet", "--detach", str(folder), commit)
    changes = provenance / Path(CHANGES).name
    if changes.is_file() and changes.stat().st_size:
        _git("apply", "--whitespace=nowarn", str(changes), cwd=folder)
    for name in PROVENANCE:
        if (provenance / name).is_file():
            shutil.copyfile(provenance / name, folder / name)


def check_code(folder: Path, provenance: Path) -> None:
    """Finds out before any work whether all code is there that made the version: a file may never have been added to git.

    Raises:
        ValueError: A file is missing, or is another one.
    """
    asked = json.loads((provenance / "train.json").read_text(encoding="utf-8"))["files"]
    for name, digest in asked.items():
        if ": " in name or name.startswith("data/"):  # a part of a file, or the start, which comes with the data
            continue
        path = folder / name
        if not path.is_file() or sha256(path) != digest:
            raise ValueError(
                f"{name} is {'another one' if path.is_file() else 'missing'} in commit and changes of that version: it was not added to "
                "git when the version was registered, so that it cannot be made again"
            )


def make(folder: Path) -> None:
    """Installs the lock, brings the data, and runs every stage; the cache is the worktree's own, so that nothing comes from one.

    Raises:
        ValueError: A step failed; with its last word.
    """
    _run(folder, "make", ".venv/.done")
    dvc = str(folder / ".venv/bin/dvc")
    bring_data(folder, dvc)
    _run(folder, dvc, "repro", "--quiet")


def bring_data(folder: Path, dvc: str) -> None:
    """From the default remote; where that does not have it, or there is none, from this checkout's cache: bytes are known by their hash.

    Raises:
        ValueError: Neither has it.
    """
    lend_remotes(folder)
    pull = (dvc, "pull", "--quiet", "data.dvc")
    if not subprocess.run(pull, cwd=folder, env=_environment(folder), capture_output=True, check=False).returncode:
        return
    try:
        # The data alone: what the stages made is to be made again.
        _run(folder, *pull, "--remote", CACHE)
    except ValueError as error:
        raise ValueError(
            f"the data of that version is neither in a DVC remote nor in this checkout's cache: `dvc push` where it is ({error})"
        ) from error


def lend_remotes(folder: Path) -> None:
    """Gives the worktree this checkout's remotes, and its cache as one more: where data is kept is no part of a commit."""
    from dvc.config import Config

    ours = Config(dvc_dir=str(ROOT / ".dvc"))
    with Config(dvc_dir=str(folder / ".dvc")).edit("local") as theirs:
        cache = {"url": ours["cache"].get("dir") or str(ROOT / ".dvc" / "cache")}
        theirs["remote"] = {**ours["remote"], CACHE: cache}
        if default := ours["core"].get("remote"):
            theirs["core"]["remote"] = default


def compared(folder: Path, evaluation: Path, model: Path, tags: dict[str, str]) -> str:
    """Whether what was made in the folder is what was registered.

    Raises:
        ValueError: It is not: by more than another machine's arithmetic explains.
    """
    name = load_params(folder / "params.yaml").name
    made, reports = folder / "artifacts" / name / "model", folder / "reports" / name
    ours, theirs = (json.loads((path / "metrics.json").read_text(encoding="utf-8")) for path in (reports, evaluation))
    said = f"NME {ours['nme']:.4%}, registered {theirs['nme']:.4%}"
    if sha256(made / WEIGHTS) == sha256(model / WEIGHTS):
        # What is registered was measured again by each retraining since, by its code and protocol; the weights are of the first.
        metrics = (
            "all metrics" if ours == theirs else "not all metrics: it was measured again since, by other code or params"
        )
        return f"the same: weights bit by bit, and {metrics}; {said}"
    tables = [read_table(path / "errors.parquet") for path in (reports, evaluation)]
    if not same_faces(*tables):
        raise ValueError(f"another model: its test faces are others; {said}")
    here, there = machine(), tags.get("machine", "an unknown machine")
    if here == there:
        raise ValueError(f"another model, although on the same kind of machine ({here}); {said}")
    nme = [table.column("nme").to_numpy().astype(np.float64) for table in tables]
    rows = np.isfinite(nme[0]) & np.isfinite(nme[1])
    spread = np.sqrt(2) * load_params(folder / "params.yaml").promotion.seed_spread * nme[1][rows].mean()
    subjects = np.array(tables[0].column("subject").to_pylist())[rows]
    low, high = Difference.of((nme[0] - nme[1])[rows], subjects, float(spread)).interval(CONFIDENCE)
    said += f"; difference {low:+.3%} to {high:+.3%} at {CONFIDENCE:.1%}; made on {there}, here {here}"
    if not low <= 0 <= high:
        raise ValueError(f"another model: {said}")
    return f"as good, on another kind of machine: {said}"


def _environment(folder: Path) -> dict[str, str]:
    """The user's, without what this checkout has put into ours: the worktree is one of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in names()}
    return {**kept, "PATH": f"{folder / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"}


def _run(folder: Path, *words: str) -> None:
    print(f"reproduce: {' '.join(Path(word).name if word.startswith('/') else word for word in words)}", flush=True)
    done = subprocess.run(words, cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"{Path(words[0]).name} {' '.join(words[1:3])} failed: {_last_word(done.stdout, done.stderr)}")


def _git(*words: str, cwd: Path = ROOT) -> None:
    done = subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"git {words[0]} failed: {_last_word(done.stdout, done.stderr)}")


def _last_word(*said: Sequence[str]) -> str:
    lines = [line for text in said for line in str(text).splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
