"""What `import heatmark` gives, and what importing changes: nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import heatmark
from components.codecs import CODECS
from components.model import LandmarkModel
from pipelines.params import load_params
from pipelines.runtime.environment import ROOT
from pipelines.serving.model import Model

# Prints what differs in the environment. (Not of what is below the packages: OpenCV sets LD_LIBRARY_PATH for itself.)
SCRIPT = """
import os, sys
before = dict(os.environ)
import components, pipelines, flows, studies, heatmark
import heatmark.cli, pipelines.runtime.environment, pipelines.runtime.command
print([name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)])
"""
QUICK = "import sys, heatmark, heatmark.cli; print([m for m in ('torch', 'numpy', 'ray', 'prefect', 'mlflow', 'dvc') if m in sys.modules])"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if ".git" not in path.parts)


def test_importing_leaves_the_environment_and_the_file_system_as_they_were(project):
    before = files(project.root)
    assert "[]\n" == project.run("python", "-c", SCRIPT, PYTHONDONTWRITEBYTECODE="1").stdout
    assert before == files(project.root)


def test_importing_works_outside_any_checkout_too(project, tmp_path):
    outside = type(project)(tmp_path)
    done = outside.run("python", "-c", SCRIPT, PYTHONPATH=str(project.root), PYTHONDONTWRITEBYTECODE="1")
    assert "[]\n" == done.stdout
    assert [] == files(tmp_path)


def test_importing_the_front_door_loads_nothing_large():
    done = subprocess.run([sys.executable, "-c", QUICK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


def test_the_names_are_the_things_themselves():
    assert heatmark.CODECS is CODECS
    assert heatmark.LandmarkModel is LandmarkModel
    assert heatmark.load_params is load_params
    assert heatmark.Model is Model
    assert sorted(heatmark.__all__) == dir(heatmark)
    assert len(heatmark.__all__) <= 12
    for name in heatmark.__all__:
        assert getattr(heatmark, name) is not None


def test_a_command_s_imports_find_the_defaults_set(project):
    # At the very top of a stage, before it imports Ray.
    top = 'import os; assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0" and os.environ["OMP_NUM_THREADS"] == "1"\n'
    for name in ("pipelines/rescore.py", "flows/retrain.py", "studies/siamese.py"):
        path = project.root / name
        path.write_text(
            path.read_text().replace(
                "from __future__ import annotations\n", f"from __future__ import annotations\n{top}"
            )
        )
        assert top in path.read_text()
        module = name.removesuffix(".py").replace("/", ".")
        assert "Usage" in project.run("python", "-m", module, "--help").stdout
    project.run("git", "checkout", "-q", ".")
