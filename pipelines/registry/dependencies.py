"""What a stage's result depends on, of our code and of the lock: computed, by stage and recipe.

DVC runs `python -m pipelines.registry.dependencies` before anything else: it writes a file per stage, on which the stage
depends. `training_key` hashes the same. A file lists each part with its hash or version, so that two of them, compared,
say what has changed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from pipelines.params import Params, load_params
from pipelines.registry import start
from pipelines.registry.closure import PARAMS, Closure
from pipelines.registry.packages import needed_packages
from pipelines.registry.sources import Sources
from pipelines.runtime import command
from pipelines.runtime.environment import ROOT
from pipelines.runtime.outputs import whole_folder

STAGES = ("ingest", "preprocess", "train", "evaluate")
PAGES, TEMPLATES = "pipelines.pages.", "pipelines/pages/templates"


class Dependencies(NamedTuple):
    """What decides a result, but for data and params.

    Attributes:
        files: Path below the root, or a part of the params' file -> SHA-256. A training's start is among them.
        packages: Package -> its version by the lock.
    """

    files: dict[str, str]
    packages: dict[str, str]


def chosen_parts(params: Params) -> dict[str, list[str]]:
    """Registry -> the keys that the recipe chose."""
    model = params.model()
    fields, head = model.to_dict(), model.codec.head
    return {
        "CODECS": [fields["codec"]["name"]],
        "DATASETS": [params.dataset.reader],
        "DECIMAL_LOSSES": [params.loss.decimal],
        "HEADS": [] if head is None else [head.kind],
        "HEATMAP_LOSSES": [params.loss.heatmap],
        "NETWORKS": [fields["network"]["name"]],
    }


def dependencies(stage: str, params: Params, root: Path = ROOT) -> Dependencies:
    """What a stage's result depends on.

    Raises:
        ValueError: An import that leads nowhere, or cannot be followed.
    """
    sources = Sources(root)
    closure = Closure(sources, chosen_parts(params))
    closure.enter(f"pipelines.{stage}")
    paths = [path for module in closure.modules if (path := sources.path(module))]
    pages = [path for module in closure.modules if module.startswith(PAGES) and (path := sources.path(module))]
    hashed = {path.relative_to(root).as_posix(): _hash(path) for path in [*paths, *templates(pages, root / TEMPLATES)]}
    params_file = PARAMS.replace(".", "/") + ".py"
    hashed |= {f"{params_file}: {member}": digest for member, digest in closure.members.items()}
    hashed |= start.dependency(params, root) if stage == "train" else {}
    return Dependencies(dict(sorted(hashed.items())), needed_packages(closure.others, root))


def templates(pages: list[Path], folder: Path) -> list[Path]:
    """The templates that these files name, and those that they name in turn."""
    left = sorted(folder.glob("*"))
    found: list[Path] = []
    texts = [page.read_text(encoding="utf-8") for page in pages]
    while named := [path for path in left if any(f'"{path.name}"' in text for text in texts)]:
        found += named
        left = [path for path in left if path not in named]
        texts = [path.read_text(encoding="utf-8") for path in named]
    return found


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(out: Path, params: Path = Path("params.yaml")) -> None:
    """Writes to OUT, for each stage, what its result depends on of our code and of the lock."""
    loaded = load_params(params)
    with whole_folder(out) as partial:
        for stage in STAGES:
            text = json.dumps(dependencies(stage, loaded)._asdict(), indent=1) + "\n"
            (partial / f"{stage}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    command.run(main)
