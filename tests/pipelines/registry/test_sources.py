"""What is read in a module's text: its imports, and what an `__init__` passes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.registry.sources import Import, Sources


def sources(root: Path, text: str) -> Sources:
    """A checkout with one package `ours`, whose module `ours.one` has this text."""
    (root / "ours").mkdir()
    (root / "ours" / "__init__.py").write_text("")
    (root / "ours" / "one.py").write_text(text)
    return Sources(root)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import numpy as np", [Import("numpy", None, "np")]),
        ("import ours.two", [Import("ours.two", None, "ours")]),
        ("from ours import two", [Import("ours", "two", "two")]),
        ("from ours.two import A as B, C", [Import("ours.two", "A", "B"), Import("ours.two", "C", "C")]),
        ("def f():\n    from ours import two", [Import("ours", "two", "two")]),
        ("class A:\n    def f(self):\n        import json", [Import("json", None, "json")]),
        ("try:\n    import json\nexcept ImportError:\n    import csv", [Import("json", None, "json"), Import("csv", None, "csv")]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import json", [Import("typing", "TYPE_CHECKING", "TYPE_CHECKING")]),
        ("import typing\nif typing.TYPE_CHECKING:\n    import json\nelse:\n    import csv", [Import("typing", None, "typing"), Import("csv", None, "csv")]),
        ("# import json\n'import csv'", []),
    ],
)  # fmt: skip
def test_imports_are_found_wherever_they_run(tmp_path: Path, text: str, expected: list[Import]) -> None:
    assert expected == sources(tmp_path, text).imports("ours.one")


def test_what_is_imported_for_types_only_is_found_when_asked_for(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import json"
    assert Import("json", None, "json") in sources(tmp_path, text).imports("ours.one", typing=True)


@pytest.mark.parametrize("text", ["from . import two", "from .two import A", "from ours.two import *"])
def test_an_import_that_hides_its_names_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"one\.py imports .*: name module and names in full"):
        sources(tmp_path, text).imports("ours.one")


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no module ours\.two"):
        sources(tmp_path, "").tree("ours.two")


def test_a_module_that_is_no_python_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"one\.py:2: "):
        sources(tmp_path, "import json\nimport 1").tree("ours.one")


def test_an_init_passes_on_imports_aliases_and_registries(tmp_path: Path) -> None:
    read = sources(tmp_path, "")
    (tmp_path / "ours" / "__init__.py").write_text(
        '"""Ours."""\nfrom ours.one import A\nBoth = A | int\nREGISTRY: dict[str, type] = {"a": A}\n__all__ = ["A"]\n'
    )
    package = read.package("ours")
    assert {"A": Import("ours.one", "A", "A")} == package.imports
    assert ["Both", "REGISTRY"] == list(package.values)
    assert ["REGISTRY"] == list(package.registries)


def test_what_is_ours_is_what_lies_below_the_root(tmp_path: Path) -> None:
    read = sources(tmp_path, "")
    assert [True, True, False] == [read.is_own(name) for name in ("ours", "ours.one", "numpy")]
    assert [True, False] == [read.is_package(name) for name in ("ours", "ours.one")]
