"""The code that goes with a logged model: the modules that are run when `components.model` is imported, and no others.

All codecs, networks, heads and losses are among them, since a model's file may name any.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pipelines.registry.packages import imported_packages
from pipelines.registry.sources import Sources

ENTRY = "components.model"


def stage_code(folder: Path, root: Path) -> Path:
    """Copies the modules to below `folder`; returns the folder of their package there."""
    sources = Sources(root)
    for module in sorted(executed(ENTRY, sources)[0]):
        path = sources.path(module)
        assert path is not None
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder / ENTRY.partition(".")[0]


def requirements(root: Path) -> list[str]:
    """Lines of the lock: what the modules import, and MLflow, which loads them."""
    others = executed(ENTRY, Sources(root))[1] | {"mlflow"}
    return [f"{name}=={version}" for name, version in imported_packages(others, root).items()]


def executed(entry: str, sources: Sources) -> tuple[set[str], set[str]]:
    """What importing a module runs, and what it would run later, by an import inside a function.

    Returns:
        Modules of ours, the packages that they stand in among them; and top-level names of what is not ours.
    """
    ours: set[str] = set()
    others: set[str] = set()
    todo = [entry]
    while todo:
        module = todo.pop()
        if not sources.is_own(module):
            others.add(module.partition(".")[0])
        elif module not in ours:
            ours.add(module)
            todo += [module.rpartition(".")[0]] if "." in module else []
            for one in sources.imports(module):
                todo.append(one.module)
                if one.name is not None and sources.path(f"{one.module}.{one.name}"):
                    todo.append(f"{one.module}.{one.name}")
    return ours, others
