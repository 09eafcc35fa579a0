"""What the stages of this project depend on; and what a file that is added or changed does to a training's key."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from pipelines.params import Params
from pipelines.registry.dependencies import chosen_parts, dependencies, forget_others, main, stages, templates
from pipelines.registry.lineage import training_key
from pipelines.registry.sources import Sources
from pipelines.runtime.environment import ROOT

CODEC = "components/codecs/subpixel.py"  # that of tests/tiny.yaml
ANOTHER_CODEC = "components/codecs/hih.py"


def changed(params: Params, section: str, **values: object) -> Params:
    fields = params.model_dump()
    fields[section] = values if "name" in values else {**fields[section], **values}
    return Params.model_validate(fields)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def add_codec(checkout: Path) -> None:
    """A file, and a line in CODECS."""
    (checkout / "components/codecs/other.py").write_text("class Other: ...\n")
    init = checkout / "components/codecs/__init__.py"
    text = init.read_text(encoding="utf-8")
    line = '    "rounded": Rounded,\n'
    assert 1 == text.count(line)
    imported = "from components.codecs.other import Other\nfrom components.codecs.rounded import Rounded\n"
    text = text.replace("from components.codecs.rounded import Rounded\n", imported)
    init.write_text(text.replace(line, f'    "other": Other,\n{line}'), encoding="utf-8")


def test_all_that_the_recipe_chose_is_among_what_training_depends_on(params: Params) -> None:
    files = dependencies("train", params).files
    for module in (
        "codecs/subpixel",
        "networks/unet",
        "losses/heatmap",
        "losses/decimal",
        "losses/objective",
        "augment",
    ):
        assert f"components/{module}.py" in files
    assert "components/model.py" in files
    for module in ("batches", "loop", "temperature", "workers"):
        assert f"pipelines/training/{module}.py" in files


def test_what_it_did_not_choose_is_not(params: Params) -> None:
    files = dependencies("train", params).files
    for module in (
        "codecs/hih",
        "codecs/rounded",
        "networks/hourglass",
        "losses/star",
        "datasets/synthetic",
        "drawing",
    ):
        assert f"components/{module}.py" not in files
    assert not [
        path for path in files if path.startswith(("components/synthetic", "pipelines/registry", "pipelines/pages"))
    ]
    assert not [path for path in files if path.endswith("__init__.py")]


def test_another_recipe_depends_on_other_parts(params: Params) -> None:
    hih = changed(params, "codec", name="hih", stride=4, sigma=0.8, decimal_head="conv")
    files = dependencies("train", changed(hih, "loss", heatmap="star")).files
    assert {"components/codecs/hih.py", "components/losses/star.py"} <= files.keys()
    assert CODEC not in files


def test_ingest_depends_on_the_reader_and_on_no_network(params: Params) -> None:
    files = dependencies("ingest", params).files
    assert "components/datasets/synthetic.py" in files
    for part in ("components/datasets/wflw.py", CODEC, "components/model.py", "components/networks/unet.py"):
        assert part not in files


@pytest.mark.parametrize(("stage", "pages"), [("ingest", ["card"]), ("evaluate", ["report", "sure"])])
def test_the_page_that_a_stage_writes_counts_with_its_templates(params: Params, stage: str, pages: list[str]) -> None:
    files = dependencies(stage, params).files
    counted = {path for path in files if path.startswith("pipelines/pages/")}
    own = {name for page in pages for name in (f"{page}.py", f"templates/{page}.html")}
    expected = {*own, "plots.py", "templates/base.html"}
    of_report = {"curves.py", "pose.py", "words.py", "templates/hidden.html"}
    expected |= of_report if "report" in pages else set()
    assert {f"pipelines/pages/{name}" for name in expected} == counted


def test_a_template_that_extends_another_counts_with_it(tmp_path: Path) -> None:
    texts = {"page.py": 'write("a.html")', "a.html": '{% extends "b.html" %}', "b.html": "", "c.html": ""}
    for name, text in texts.items():
        (tmp_path / name).parent.joinpath(name).write_text(text)
    assert ["a.html", "b.html"] == [path.name for path in templates([tmp_path / "page.py"], tmp_path)]


def test_the_packages_are_those_that_the_stage_imports(params: Params) -> None:
    packages = dependencies("train", params).packages
    assert {"torch", "numpy", "ray", "pyarrow", "safetensors"} <= packages.keys()
    assert not {"prefect", "dvc", "mlflow", "typer", "pytest", "h5py", "matplotlib"} & packages.keys()


def test_each_stage_gets_a_file_that_says_what_it_depends_on(params: Params, tmp_path: Path) -> None:
    main(tmp_path / "code", ROOT / "tests" / "tiny.yaml")
    files = ["evaluate.json", "ingest/synthetic.json", "preprocess/synthetic.json", "train.json"]
    folder = tmp_path / "code"
    assert files == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))
    for stage, file in zip(stages(params), [files[1], files[2], files[3], files[0]], strict=True):
        assert dependencies(stage, params)._asdict() == json.loads((folder / file).read_text())


def mixed(params: Params) -> Params:
    more = {"reader": "300w", "share": 0.5, "held_out": False}
    datasets = {"synthetic": {"reader": "synthetic", "share": 0.5}, "more": more}
    return Params.model_validate({**params.model_dump(), "datasets": datasets})


def test_each_dataset_depends_on_its_own_reader_and_all_together_on_all(params: Params) -> None:
    readers = {
        stage: {path for path in dependencies(stage, mixed(params)).files if path.startswith("components/datasets/")}
        for stage in ("ingest@synthetic", "ingest@more", "ingest")
    }
    drawn, real = "components/datasets/synthetic.py", "components/datasets/ibug300w.py"
    assert [{drawn}, {real}, {drawn, real}] == [found & {drawn, real} for found in readers.values()]
    assert dependencies("ingest", params) == dependencies("ingest@synthetic", mixed(params))


def test_what_datasets_have_left_that_the_recipe_has_no_more_is_taken_away(
    params: Params, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    kept = ["annotations/synthetic/a.parquet", "crops/synthetic/train.parquet", "model/model.json", "crops/.gitignore"]
    gone = ["annotations/more/a.parquet", "crops/more/train.parquet", "crops/train-00000-of-00001.parquet"]
    for name in (*kept, *gone):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "crops/linked").symlink_to(tmp_path / "model")
    forget_others(tmp_path, params)
    assert sorted(kept) == sorted(
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    )
    assert not (tmp_path / "crops/linked").is_symlink()
    assert 4 == capsys.readouterr().out.count(" is of no dataset of tiny, and goes\n")
    forget_others(tmp_path / "away", params)  # before the first run there is nothing


def test_a_copy_of_the_code_elsewhere_depends_on_the_same(params: Params, checkout: Path, crops: Path) -> None:
    for stage in stages(params):
        assert dependencies(stage, params) == dependencies(stage, params, checkout)
    assert training_key(params, crops) == training_key(params, crops, checkout)


def test_a_module_that_is_added_to_training_and_imported_changes_the_key(
    params: Params, checkout: Path, crops: Path
) -> None:
    (checkout / "pipelines/training/constants.py").write_text("WIDTH = 3\n")
    assert training_key(params, crops) == training_key(params, crops, checkout)
    append(checkout / "pipelines/training/loop.py", "\n\nfrom pipelines.training.constants import WIDTH  # noqa\n")
    before = training_key(params, crops, checkout)
    assert training_key(params, crops) != before
    (checkout / "pipelines/training/constants.py").write_text("WIDTH = 4\n")
    assert before != training_key(params, crops, checkout)


def test_a_module_that_is_added_to_the_studies_does_not(params: Params, checkout: Path, crops: Path) -> None:
    (checkout / "studies/another.py").write_text("from pipelines.training.loop import fit\n")
    assert training_key(params, crops) == training_key(params, crops, checkout)


def test_a_new_codec_does_not(params: Params, checkout: Path, crops: Path) -> None:
    add_codec(checkout)
    assert training_key(params, crops) == training_key(params, crops, checkout)
    for stage in stages(params):
        assert dependencies(stage, params) == dependencies(stage, params, checkout)


def test_a_change_of_another_codec_does_not_but_of_the_chosen_one_does(
    params: Params, checkout: Path, crops: Path
) -> None:
    append(checkout / ANOTHER_CODEC, "\nPI = 3\n")
    assert training_key(params, crops) == training_key(params, crops, checkout)
    append(checkout / CODEC, "\nPI = 3\n")
    assert training_key(params, crops) != training_key(params, crops, checkout)


def test_a_new_version_of_what_training_imports_changes_the_key_and_one_of_prefect_does_not(
    params: Params, checkout: Path, crops: Path
) -> None:
    lock = (checkout / "requirements.lock").read_text()
    (checkout / "requirements.lock").write_text(lock.replace("\nprefect==", "\nprefect==9"))
    assert training_key(params, crops) == training_key(params, crops, checkout)
    (checkout / "requirements.lock").write_text(lock.replace("\nnumpy==", "\nnumpy==9"))
    assert training_key(params, crops) != training_key(params, crops, checkout)


def inits() -> list[Path]:
    return sorted([*(ROOT / "components").rglob("__init__.py"), *(ROOT / "pipelines").glob("*/__init__.py")])


def test_every_registry_is_one_that_a_recipe_chooses_from(params: Params) -> None:
    """A registry that `chosen_parts` does not know would count whole: each part that is added would train again."""
    sources = Sources(ROOT)
    modules = [".".join(path.parent.relative_to(ROOT).parts) for path in inits()]
    registries = {name for module in modules for name in sources.package(module).registries}
    assert {"CODECS", "DATASETS", "NETWORKS"} <= registries
    assert set() == registries - chosen_parts(params).keys()


@pytest.mark.parametrize("path", inits(), ids=lambda path: path.parent.relative_to(ROOT).as_posix())
def test_an_init_holds_only_imports_aliases_and_registries(path: Path) -> None:
    """It is looked through and not hashed, so nothing in it may decide a result."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        # An alias is names, and what joins or indexes them; a registry is a dict by name; __all__ is a list.
        assigned = isinstance(value, ast.Name | ast.BinOp | ast.Subscript | ast.Dict | ast.List)
        assert docstring or assigned or isinstance(node, ast.Import | ast.ImportFrom), ast.unparse(node)
