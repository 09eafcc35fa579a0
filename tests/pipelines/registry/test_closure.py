"""Which modules an entry reaches, on small trees of files made for each test."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipelines.registry.closure import Closure
from pipelines.registry.sources import Sources

# A registry of two shapes, each of which has an import of its own; and an alias for both.
SHAPES = {
    "components/__init__.py": "",
    "components/shapes/__init__.py": """
        from components.shapes.base import Base
        from components.shapes.round import Round
        from components.shapes.square import Square

        Shape = Round | Square
        SHAPES: dict[str, type[Shape]] = {"round": Round, "square": Square}
        __all__ = ["SHAPES", "Base", "Round", "Shape", "Square"]
    """,
    "components/shapes/base.py": "class Base: ...",
    "components/shapes/round.py": "from components.circle import PI\nclass Round: ...",
    "components/shapes/square.py": "from components.edge import EDGE\nclass Square: ...",
    "components/circle.py": "import math\nPI = math.pi",
    "components/edge.py": "import csv\nEDGE = 1",
}


def reached(root: Path, files: Mapping[str, str], entry: str = "pipelines.train", **chosen: list[str]) -> Closure:
    """Writes the files, and follows the entry."""
    for name, text in {"pipelines/__init__.py": "", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(textwrap.dedent(text))
    closure = Closure(Sources(root), chosen)
    closure.enter(entry)
    return closure


def test_an_entry_reaches_its_imports_and_theirs(tmp_path: Path) -> None:
    files = {
        "pipelines/train.py": "import json\nfrom pipelines.loop import fit",
        "pipelines/loop.py": "import torch.nn\ndef fit():\n    from pipelines import late",
        "pipelines/late.py": "",
        "pipelines/stranger.py": "",
    }
    closure = reached(tmp_path, files)
    assert {"pipelines.train", "pipelines.loop", "pipelines.late"} == closure.modules
    assert {"json", "torch"} == closure.others


def test_two_modules_that_import_each_other_are_reached_once(tmp_path: Path) -> None:
    files = {"pipelines/train.py": "import pipelines.loop", "pipelines/loop.py": "import pipelines.train"}
    assert {"pipelines.train", "pipelines.loop"} == reached(tmp_path, files).modules


def test_a_name_from_a_package_leads_to_the_module_that_defines_it_only(tmp_path: Path) -> None:
    closure = reached(tmp_path, {**SHAPES, "pipelines/train.py": "from components.shapes import Base"})
    assert {"pipelines.train", "components.shapes.base"} == closure.modules


def test_a_registry_stands_for_what_was_chosen_of_it(tmp_path: Path) -> None:
    files = {**SHAPES, "pipelines/train.py": "from components.shapes import SHAPES"}
    closure = reached(tmp_path, files, SHAPES=["round"])
    assert {"pipelines.train", "components.shapes.round", "components.circle"} == closure.modules
    assert {"math"} == closure.others


@pytest.mark.parametrize(("chosen", "expected"), [([], set()), (["square"], {"components.shapes.square", "components.edge"})])  # fmt: skip
def test_an_alias_for_all_brings_in_only_those_that_were_chosen(
    tmp_path: Path, chosen: list[str], expected: set
) -> None:
    closure = reached(tmp_path, {**SHAPES, "pipelines/train.py": "from components.shapes import Shape"}, SHAPES=chosen)
    assert {"pipelines.train"} | expected == closure.modules


def test_what_is_imported_by_its_own_name_counts_without_being_chosen(tmp_path: Path) -> None:
    files = {**SHAPES, "pipelines/train.py": "from components.shapes import Square"}
    closure = reached(tmp_path, files, SHAPES=["round"])
    assert {"pipelines.train", "components.shapes.square", "components.edge"} == closure.modules


def test_of_a_registry_that_nobody_chooses_from_everything_counts(tmp_path: Path) -> None:
    closure = reached(tmp_path, {**SHAPES, "pipelines/train.py": "from components.shapes import SHAPES"})
    assert {"components.shapes.round", "components.shapes.square"} <= closure.modules


def test_a_package_imported_whole_counts_with_all_that_it_passes_on(tmp_path: Path) -> None:
    closure = reached(tmp_path, {**SHAPES, "pipelines/train.py": "from components import shapes"}, SHAPES=["round"])
    assert {"components.shapes.base", "components.shapes.square"} <= closure.modules


def test_a_registrys_value_may_be_made_of_several_modules(tmp_path: Path) -> None:
    files = {
        **SHAPES,
        "components/pairs/__init__.py": """
            from components.circle import PI
            from components.edge import EDGE
            PAIRS = {"both": (PI, EDGE), "one": (EDGE,)}
        """,
        "pipelines/train.py": "from components.pairs import PAIRS",
    }
    assert {"components.circle", "components.edge"} <= reached(tmp_path, files, PAIRS=["both"]).modules


def test_where_and_how_a_stage_runs_does_not_count_but_the_form_of_what_is_written_does(tmp_path: Path) -> None:
    files = {
        "pipelines/train.py": """
            from pipelines.runtime import cluster
            from pipelines.runtime.tables import write
            from pipelines.registry.tracking import Run
        """,
        "pipelines/runtime/__init__.py": "",
        "pipelines/runtime/cluster.py": "import ray",
        "pipelines/runtime/tables.py": "import pyarrow",
        "pipelines/registry/__init__.py": "",
        "pipelines/registry/tracking.py": "import mlflow",
    }
    closure = reached(tmp_path, files)
    assert {"pipelines.train", "pipelines.runtime.tables"} == closure.modules
    assert {"pyarrow"} == closure.others


PARAMS = {
    **SHAPES,
    "pipelines/params.py": """
        import yaml
        from components.circle import PI
        from components.edge import EDGE
        from components.shapes import SHAPES, Base

        class Params:
            sizes: dict
            base: Base
            other: Annotated[Base, Check(PI)]

            def shape(self):
                return SHAPES[self.sizes["shape"]](self.edge())

            def edge(self):
                return EDGE

            def unused(self):
                return PI

            def _check(self):
                return PI
    """,
}


def test_of_the_params_only_what_their_values_are_made_of_counts(tmp_path: Path) -> None:
    files = {
        **PARAMS,
        "pipelines/train.py": "from pipelines.params import Params\ndef f(params): return params.shape()",
    }
    closure = reached(tmp_path, files, SHAPES=["square"])
    assert {"pipelines.train", "components.shapes.square", "components.edge"} == closure.modules
    assert {"Params.shape", "Params.edge"} == closure.members.keys()
    assert "yaml" not in closure.others


@pytest.mark.parametrize("field", ["base", "other"])
def test_a_field_of_one_of_our_own_types_brings_in_that_type_and_not_its_checks(tmp_path: Path, field: str) -> None:
    files = {**PARAMS, "pipelines/train.py": f"from pipelines.params import Params\ndef f(params): params.{field}"}
    assert {"pipelines.train", "components.shapes.base"} == reached(tmp_path, files).modules


def test_params_that_are_named_for_a_type_only_are_used_all_the_same(tmp_path: Path) -> None:
    text = "import typing\nif typing.TYPE_CHECKING:\n    from pipelines.params import Params\ndef f(params): return params.edge()"
    closure = reached(tmp_path, {**PARAMS, "pipelines/train.py": text})
    assert {"pipelines.train", "components.edge"} == closure.modules


def test_a_method_of_the_params_is_hashed_without_what_stands_around_it(tmp_path: Path) -> None:
    train = "from pipelines.params import Params\ndef f(params): return params.edge()"
    before = reached(tmp_path, {**PARAMS, "pipelines/train.py": train}).members
    text = PARAMS["pipelines/params.py"]
    around = reached(tmp_path, {"pipelines/params.py": text.replace("return PI", "return 2 * PI")}).members
    inside = reached(tmp_path, {"pipelines/params.py": text.replace("return EDGE", "return 2 * EDGE")}).members
    assert before == around
    assert before != inside


def test_a_module_that_is_imported_but_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no module pipelines\.loop"):
        reached(tmp_path, {"pipelines/train.py": "from pipelines.loop import fit"})


def test_a_name_that_an_init_makes_itself_is_refused(tmp_path: Path) -> None:
    files = {"pipelines/train.py": "from components import Thing", "components/__init__.py": "class Thing: ..."}
    with pytest.raises(ValueError, match=r"components/__init__\.py neither imports Thing nor .*: move it to a file"):
        reached(tmp_path, files)
