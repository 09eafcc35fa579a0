"""What dvc.yaml says, against the code."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
from pathlib import Path

import pytest
import yaml

from pipelines.params import SourceParams, load_params, whole_text
from pipelines.registry.closure import Closure
from pipelines.registry.dependencies import BY_SOURCE, TOGETHER, chosen_parts, stages
from pipelines.registry.lineage import DECISIVE
from pipelines.registry.sources import Sources
from pipelines.runtime.command import PARAMS

ROOT = Path(__file__).parents[2]
WRITTEN = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# A stage for each dataset is written once, for all.
GRAPH = {name: stage.get("do", stage) for name, stage in WRITTEN.items()}
STAGES = [*BY_SOURCE, *TOGETHER]


def test_the_stages_are_those_whose_dependencies_are_computed_and_the_one_that_computes_them():
    assert ["code", *STAGES] == list(GRAPH)
    assert dict.fromkeys(BY_SOURCE, "${datasets}") == {
        name: stage["foreach"] for name, stage in WRITTEN.items() if "foreach" in stage
    }
    assert GRAPH["code"]["always_changed"] is True
    assert ["artifacts/${name}/code"] == GRAPH["code"]["outs"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_its_own_computed_file_and_on_data_and_names_no_code(stage):
    own, *others = GRAPH[stage]["deps"]
    of = "/${key}" if stage in BY_SOURCE else ""
    assert f"artifacts/${{name}}/code/{stage}{of}.json" == own
    assert [] == [dep for dep in others if not dep.startswith(("data/", "artifacts/", "reports/")) or "/code" in dep]
    assert GRAPH[stage]["cmd"].startswith(f"python -m pipelines.{stage} ")


def test_the_params_that_make_dvc_train_again_are_those_that_the_training_key_hashes():
    assert {"name", *DECISIVE} == set(GRAPH["train"]["params"])


@pytest.mark.parametrize("stage", GRAPH)
def test_every_stage_reads_its_params_from_the_file_that_is_checked_when_it_ends(stage):
    module = importlib.import_module(GRAPH[stage]["cmd"].split()[2])
    assert Path("params.yaml") == inspect.signature(module.main).parameters[PARAMS].default


def test_dvc_and_we_mean_the_same_stages():
    params = load_params(ROOT / "recipes/300w_mixed.yaml")
    expected = ["ingest@300w", "ingest@synthetic", "preprocess@300w", "preprocess@synthetic", "train", "evaluate"]
    assert expected == list(stages(params))


def params_read_by(stage):
    """Dotted names of the params that the modules of a stage read, as `params.train.lr`; not those behind a method.

    What is read of one dataset, as `source.reader`, is datasets.${key}.reader.
    """
    params = load_params(ROOT / "tests/tiny.yaml")
    sources = Sources(ROOT)
    closure = Closure(sources, chosen_parts(params))
    closure.enter(f"pipelines.{stage}")
    nodes = (node for module in closure.modules for node in ast.walk(sources.tree(module)))
    texts = {ast.unparse(node).removeprefix("self.") for node in nodes if isinstance(node, ast.Attribute)}
    texts -= {"params.source", "params.sources"}
    if stage in BY_SOURCE:
        of_source = {text.removeprefix("source.") for text in texts if text.startswith("source.")}
        texts |= {f"params.datasets.${{key}}.{name}" for name in of_source & SourceParams.model_fields.keys()}
    read = {text.removeprefix("params.") for text in texts if text.startswith("params.")}
    fields = {name for name in read if name.partition(".")[0] in type(params).model_fields}
    return {name for name in fields if not any(other.startswith(f"{name}.") for other in fields)}


@pytest.mark.parametrize("stage", STAGES)
def test_all_params_that_a_stage_reads_make_dvc_run_it_again(stage):
    tracked = GRAPH[stage]["params"]
    in_paths = str(GRAPH[stage]["deps"]) + GRAPH[stage]["cmd"]
    for name in params_read_by(stage):
        under = any(name == one or name.startswith(f"{one}.") for one in tracked)
        assert under or f"${{{name}}}" in in_paths, name


def test_the_committed_params_are_the_demo_recipes():
    # The commit's, not the checkout's, which are whatever was trained there last.
    shown = subprocess.run(["git", "show", "HEAD:params.yaml"], cwd=ROOT, capture_output=True, text=True)
    if shown.returncode or "\nname: demo\n" not in shown.stdout:
        pytest.skip("no commit here, or one of somebody's own recipe")
    assert whole_text(ROOT / "recipes/demo.yaml") == shown.stdout
