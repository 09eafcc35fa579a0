"""The code that is logged with a model: enough to load it, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from components.codecs import CODECS
from components.networks import NETWORKS
from pipelines.registry.model_code import executed, requirements, stage_code
from pipelines.registry.packages import locked
from pipelines.registry.sources import Sources
from pipelines.runtime.environment import ROOT


def staged(folder: Path) -> set[str]:
    """The modules below `components` that are staged, dotted."""
    package = stage_code(folder, ROOT)
    assert folder / "components" == package
    return {".".join(path.relative_to(package).with_suffix("").parts) for path in package.rglob("*") if path.is_file()}


def test_all_codecs_and_networks_go_with_every_model(tmp_path: Path) -> None:
    modules = staged(tmp_path)
    for made in (*CODECS.values(), *NETWORKS.values()):
        assert made.__module__.removeprefix("components.") in modules
    assert {"__init__", "model", "codecs.__init__", "networks.__init__", "losses.__init__"} <= modules


def test_what_only_trains_reads_or_draws_does_not(tmp_path: Path) -> None:
    rooms = {module.partition(".")[0] for module in staged(tmp_path)}
    assert {"boxes", "images"} <= rooms
    assert not {"augment", "datasets", "drawing", "metrics", "synthetic"} & rooms


def test_importing_the_staged_model_runs_exactly_what_is_staged(tmp_path: Path) -> None:
    """Against Python itself, in a process that sees only the staged tree and the installed packages."""
    modules = {f"components.{module}".removesuffix(".__init__") for module in staged(tmp_path)}
    places = [path for path in sys.path if path.endswith("site-packages")]
    script = (
        f"import sys; sys.path += [{str(tmp_path)!r}, *{places!r}]; import components.boxes, components.images, components.model;"
        "print(*(name for name in sys.modules if name.partition('.')[0] == 'components'))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert "" == done.stderr
    assert modules == set(done.stdout.split())


def test_an_import_inside_a_function_is_staged_too(tmp_path: Path) -> None:
    for name, text in {
        "__init__": "",
        "one": "def f():\n    from ours import two",
        "two": "import json",
        "three": "",
    }.items():
        (tmp_path / "ours").mkdir(exist_ok=True)
        (tmp_path / "ours" / f"{name}.py").write_text(text)
    assert ({"ours", "ours.one", "ours.two"}, {"json"}) == executed("ours.one", Sources(tmp_path))


def test_the_requirements_are_what_the_modules_import_by_the_lock_and_mlflow() -> None:
    wanted = dict(line.split("==") for line in requirements(ROOT))
    assert {"mlflow", "numpy", "opencv-python", "pandas", "pillow", "safetensors", "torch"} <= wanted.keys()
    assert wanted.items() <= locked(ROOT).items()
    assert not {"ray", "dvc", "prefect", "matplotlib", "h5py", "pytest"} & wanted.keys()
