"""Where a result comes from: the key of a training, the version of the data, the commit of the code."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import yaml

from pipelines.params import Params, TrainParams
from pipelines.registry.dependencies import dependencies
from pipelines.registry.packages import LOCK
from pipelines.runtime.environment import ROOT

# The params that decide a training; those of `dvc.yaml` are the same, and the name, which stands in its paths. What
# `train.start_from` names may be the same model under another name: its weights are among the dependencies.
TRAIN = tuple(f"train.{name}" for name in TrainParams.model_fields if name != "start_from")
# A scheduled run is ahead of any commit, so it keeps what it ran with.
PROVENANCE = ("dvc.lock", "data.dvc", "params.yaml", LOCK)
DECISIVE = ("scheme", "datasets", "preprocess", "augment", "codec", "network", "loss", "evaluate.protocol", *TRAIN)


def hash_files(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 of the files' names below `root` and of their bytes, whatever the order they come in."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def training_key(params: Params, crops: Path, root: Path = ROOT) -> str:
    """16 hexadecimal digits of everything that decides a training's result: params, data, code, lock."""
    parts = {
        "params": {name: _param(params, name) for name in DECISIVE if name != "datasets"},
        "model": params.model().to_dict(),
        "datasets": [_dataset(name, params, crops) for name in params.sources("train")],
        "dependencies": dependencies("train", params, root)._asdict(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _dataset(name: str, params: Params, crops: Path) -> dict[str, object]:
    """What a dataset is to a training: its crops, whatever it is called and was read by, and what is done with them."""
    source, folder = params.source(name), crops / name
    return {
        "crops": hash_files(folder.glob("*.parquet"), folder),
        "share": params.share([name]),
        "held_out": source.held_out,
    }


def _param(params: Params, name: str) -> object:
    value: object = params.model_dump()
    for part in name.split("."):
        value = value[part]  # type: ignore[index]
    return value


def datasets_tags(params: Params, lock: Path = ROOT / "dvc.lock") -> dict[str, str]:
    """What to say of each dataset of a training: DVC's hash of its folder, its share, and whether it is held out.

    The hash is that of the last ingest of this recipe; "unknown" where DVC did not run it, or last ran another recipe's.
    """
    tags = {}
    for name, version in dataset_versions(params, lock).items():
        use = "held out" if params.source(name).held_out else "trains only"
        tags[f"data.{name}"] = f"{version}, {params.share([name]):.4g} of each batch, {use}"
    return tags


def dataset_versions(params: Params, lock: Path = ROOT / "dvc.lock") -> dict[str, str]:
    """Each dataset of a training -> DVC's hash of its folder, or "unknown", as above."""
    stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"] if lock.exists() else {}
    versions = {}
    for name in params.sources("train"):
        stage = stages.get(f"ingest@{name}", {})
        own = [out["path"] for out in stage.get("outs", [])] == [f"artifacts/{params.name}/annotations/{name}"]
        read = stage.get("deps", []) if own else []
        versions[name] = next((dep["md5"] for dep in read if dep["path"] == f"data/{name}"), "unknown")
    return versions


def data_version(pointer: Path = ROOT / "data.dvc") -> str:
    """The hash that DVC gave the whole data folder, or "none" before the first `dvc add`."""
    if not pointer.exists():
        return "none"
    return yaml.safe_load(pointer.read_text(encoding="utf-8"))["outs"][0]["md5"]


def committed_data_version() -> str | None:
    """The same, of the last commit; None where that has none."""
    shown = _git("show", "HEAD:data.dvc")
    return yaml.safe_load(shown)["outs"][0]["md5"] if shown else None


def git_commit() -> str:
    """The commit that is checked out, with "+changes" where `git_changes` gives any; "none" outside git."""
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return "none"
    return commit + ("+changes" if git_changes() else "")


def git_changes() -> str:
    """What differs from the commit, as `git apply` takes it; without what each retraining changes, and each run keeps itself."""
    kept = [f":(exclude){name}" for name in (*PROVENANCE, "reports")]
    words = ["git", "diff", "--binary", "HEAD", "--", ".", *kept]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def machine() -> str:
    """What, beside all that is versioned, decides the last digit: the processor, and the build of torch."""
    import torch

    processor = torch.cuda.get_device_name() if torch.cuda.is_available() else _processor()
    return f"{processor}, torch {torch.__version__}"


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    names = re.findall(r"(?m)^model name\s*: (.+)$", listed.read_text(encoding="utf-8")) if listed.is_file() else []
    return names[0] if names else platform.machine()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
