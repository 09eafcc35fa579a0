"""The code that goes with a logged model: the modules that `logged_model.py` imports, what these run, and no others.

All codecs, networks, heads and losses are among them, since a model's file may name any.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pipelines.registry.packages import imported_packages
from pipelines.registry.sources import Sources

ENTRY, PACKAGE = "pipelines.registry.logged_model", "components"


def stage_code(folder: Path, root: Path) -> Path:
    """Copies the modules to below `folder`; returns the folder of their package there."""
    sources = Sources(root)
    for module in sorted(run_by_entry(sources)[0]):
        path = sources.path(module)
        assert path is not None
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder / PACKAGE


def requirements(root: Path) -> list[str]:
    """Lines of the lock: what the modules import, MLflow among it, which loads them."""
    others = run_by_entry(Sources(root))[1]
    return [f"{name}=={version}" for name, version in imported_packages(others, root).items()]


def run_by_entry(sources: Sources) -> tuple[set[str], set[str]]:
    """As `executed`, of all that the entry imports; it itself is a file of its own beside the package."""
    parts = [executed(one.module, sources) for one in sources.imports(ENTRY)]
    return set().union(*(ours for ours, _ in parts)), set().union(*(others for _, others in parts))


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
