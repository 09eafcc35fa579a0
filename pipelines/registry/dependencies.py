"""What a stage's result depends on, of our code and of the lock: computed, by stage and recipe.

DVC runs `python -m pipelines.registry.dependencies` before anything else: it writes a file per stage, on which the stage
depends. `training_key` hashes the same. A file lists each part with its hash or version, so that two of them, compared,
say what has changed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
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

# Those of each dataset on its own, and those of all together.
BY_SOURCE, TOGETHER = ("ingest", "preprocess"), ("train", "evaluate")
# Of a recipe's artifacts: folders with one for each dataset.
PARTED = ("annotations", "crops")
PAGES, TEMPLATES = "pipelines.pages.", "pipelines/pages/templates"


class Dependencies(NamedTuple):
    """What decides a result, but for data and params.

    Attributes:
        files: Path below the root, or a part of the params' file -> SHA-256. A training's start is among them.
        packages: Package -> its version by the lock.
    """

    files: dict[str, str]
    packages: dict[str, str]


def stages(params: Params) -> dict[str, str | None]:
    """What DVC runs after `code`, in order, by its names (ingest@300w) -> the dataset that the stage is of, or None."""
    of_sources = {f"{stage}@{name}": name for stage in BY_SOURCE for name in params.datasets}
    return {**of_sources, **dict.fromkeys(TOGETHER)}


def chosen_parts(params: Params, source: str | None = None) -> dict[str, list[str]]:
    """Registry -> the keys that the recipe chose; of the readers, that of one dataset, or those of all."""
    names = params.datasets if source is None else [source]
    model = params.model()
    fields, head = model.to_dict(), model.codec.head
    return {
        "CODECS": [fields["codec"]["name"]],
        "DATASETS": sorted({params.datasets[name].reader for name in names}),
        "DECIMAL_LOSSES": [params.loss.decimal],
        "HEADS": [] if head is None else [head.kind],
        "HEATMAP_LOSSES": [params.loss.heatmap],
        "NETWORKS": [fields["network"]["name"]],
    }


def dependencies(stage: str, params: Params, root: Path = ROOT) -> Dependencies:
    """What a stage's result depends on: of "ingest", what the readers of all datasets need, of "ingest@300w" what that one's does.

    Raises:
        ValueError: An import that leads nowhere, or cannot be followed.
    """
    entry, _, source = stage.partition("@")
    sources = Sources(root)
    closure = Closure(sources, chosen_parts(params, source or None))
    closure.enter(f"pipelines.{entry}")
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


def forget_others(artifacts: Path, params: Params) -> None:
    """Takes away what datasets have left that the recipe has no more: training depends on the folder that has all crops."""
    for folder in (artifacts / part for part in PARTED):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name in params.datasets or path.name.startswith("."):
                continue
            print(f"code: {path} is of no dataset of {params.name}, and goes", flush=True)
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def main(out: Path, params: Path = Path("params.yaml")) -> None:
    """Writes to OUT, for each stage, what its result depends on of our code and of the lock.

    Beside OUT, takes away annotations and crops of datasets that the params do not name.
    """
    loaded = load_params(params)
    with whole_folder(out) as partial:
        for stage in stages(loaded):
            path = partial / f"{stage.replace('@', '/')}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(dependencies(stage, loaded)._asdict(), indent=1) + "\n", encoding="utf-8")
    forget_others(out.parent, loaded)


if __name__ == "__main__":
    command.run(main)
