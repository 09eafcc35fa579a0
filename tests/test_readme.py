"""What README and docs say of the code, against the code."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.summary import Summary

ROOT = Path(__file__).parents[1]
PACKAGES = ("heatmark", "studies", "flows", "pipelines", "components")
# Folders without code; all that is tracked at the top and is no single file must be here or above.
FOLDERS = {
    "recipes": "What a training is made with: the papers' experiments and ours, each as a difference from its base.",
    "tests": "The specification; its tree mirrors the packages.",
    "deploy": "A deployment: containers, a Ray job on Kubernetes, settings, back-up and restore.",
    "docs": "Results, datasets, protocols, clusters, decisions, and the log of what did not help.",
    "reports": "The numbers of the committed demo.",
}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MAP = re.compile(r"(?<=```text\nheatmark/).*?(?=```)", re.DOTALL)


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring, without its closing dot."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=[^.])\.(?:\s|$)|:\n|\n\n", " ".join(text.split("\n\n")[0].split()))[0]


def file_map() -> str:
    """A line for each package, its rooms and its own modules, with what their docstrings begin with."""
    lines = []
    for name in PACKAGES:
        lines.append((f"{name}/", sentence(ROOT / name / "__init__.py")))
        rooms = sorted(path.parent for path in (ROOT / name).glob("*/__init__.py"))
        lines += [(f"  {room.name}/", sentence(room / "__init__.py")) for room in rooms]
        modules = sorted(path for path in (ROOT / name).glob("*.py") if not path.name.startswith("__"))
        lines += [(f"  {module.name}", sentence(module)) for module in modules]
    lines += [(f"{name}/", text.rstrip(".")) for name, text in FOLDERS.items()]
    width = max(len(name) for name, _ in lines) + 2
    return "".join(f"{name:{width}}{text}\n" for name, text in lines)


def test_the_file_map_is_the_code(request: pytest.FixtureRequest) -> None:
    readme = ROOT / "README.md"
    text, made = readme.read_text(encoding="utf-8"), file_map().removeprefix("heatmark/")
    if request.config.getoption("--update-golden"):
        readme.write_text(MAP.sub(lambda _: made, text), encoding="utf-8")
    assert [made] == MAP.findall(readme.read_text(encoding="utf-8"))


def test_every_package_and_module_says_what_it_is() -> None:
    assert [] == [line for line in file_map().splitlines() if len(line.split()) < 3]


def test_no_tracked_folder_is_left_out_of_the_map() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {line.split("/")[0] for line in tracked.splitlines() if "/" in line and not line.startswith(".")}
    assert folders == {*PACKAGES, *FOLDERS} & folders


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(
        r"`((?:components|pipelines|flows|studies|heatmark|docs|recipes|tests)/[\w/.-]+)`", page.read_text()
    )
    assert [] == [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_starts_is_there(page: Path) -> None:
    # Names in capitals stand for any.
    started = re.findall(r"python -m ((?:pipelines|flows|studies)[a-z_.]*[a-z_])\b", page.read_text())
    assert [] == [
        name
        for name in started
        if not any((ROOT / (name.replace(".", "/") + end)).is_file() for end in (".py", "/__main__.py"))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())
    assert [] == [f"{file}::{name}" for file, name in named if f"\ndef {name}(" not in (ROOT / file).read_text()]


def test_every_fault_names_its_test() -> None:
    rows = re.findall(r"(?m)^\|(?! fault \|| --- \|).*$", (ROOT / "docs/reliability.md").read_text())
    assert [] == [row for row in rows if not re.search(r"\| `tests/[\w/]+\.py::test_\w+`[^|]*\|$", row)]


def test_what_a_retraining_tells_one_to_try_next_is_in_the_demos_transcript() -> None:
    summary = SimpleNamespace(model="heatmark-demo", version="1")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = "".join(f"  {command}\n      {what}\n" for command, what in Summary.next_commands(summary))  # type: ignore[arg-type]
    assert f"Next:\n{told}```" in readme
