"""Every recipe: it loads, builds its model, encodes a batch and takes a training step."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import typer
from typer.testing import CliRunner

from components import images
from components.schemes import SCHEMES
from pipelines.params import Params, load_params, main, whole_text
from pipelines.runtime.environment import ROOT
from pipelines.runtime.tables import to_column
from pipelines.training.batches import local_batches
from pipelines.training.loop import Plan, fit
from pipelines.training.validation import validation_batches
from pipelines.training.workers import batch_maker

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
# What the papers' experiments are: three sizes on three datasets, and one size on five.
PAPERS = {f"hih_{size}_{data}" for size in "tsb" for data in ("wflw", "300w", "cofw")} | {
    f"shr_fan_{data}" for data in ("300w", "300w_lp", "cofw", "wflw", "aflw19")
}


@pytest.fixture(params=RECIPES, ids=lambda path: path.stem)
def recipe(request: pytest.FixtureRequest) -> Path:
    return request.param


def faces_of(params: Params) -> pa.Table:
    """Two stored crops of noise, with landmarks around the middle, one of them without a place, some hidden."""
    num_landmarks, side = SCHEMES[params.scheme].num_landmarks, params.preprocess.stored
    rng = np.random.default_rng(0)
    pixels = [images.encode_jpeg(rng.integers(0, 256, (side, side, 3)).astype(np.uint8), 90) for _ in range(2)]
    landmarks = rng.uniform(0.3 * side, 0.7 * side, (2, num_landmarks, 2)).astype(np.float32)
    landmarks[1, 0] = np.nan
    column = to_column(landmarks, pa.list_(pa.float32(), 2 * num_landmarks))
    visible = to_column(
        rng.integers(0, 2, (2, num_landmarks)).astype(np.float32), pa.list_(pa.float32(), num_landmarks)
    )
    return pa.table({"pixels": pa.array(pixels, pa.binary()), "crop_landmarks": column, "visible": visible})


class Once:
    """A worker for a single step, on the CPU; implements `loop.Worker`."""

    rank, world, device = 0, 1, torch.device("cpu")

    def __init__(self, params: Params, faces: pa.Table) -> None:
        self.params, self.faces = params, faces
        self.metrics: dict[str, float] = {}

    def batches(self, first, last):
        return local_batches(batch_maker(self.params, 0, 1), self.faces, first, last)

    def validation(self):
        return validation_batches(self.params, self.faces.slice(0, 1), 0, 1)

    def load(self):
        return None

    def report(self, metrics, state, best):
        self.metrics = metrics


def test_a_recipe_takes_a_training_step(recipe: Path) -> None:
    params = load_params(recipe)
    # Two faces instead of a batch, without compiling, in float32, which every CPU computes in a moment: this is about the parts,
    # not about their speed.
    less = {"epochs": 1, "batch_size": 2, "evaluations": 1, "compile": False, "precision": "float32"}
    params = params.model_copy(update={"train": params.train.model_copy(update=less)})
    worker = Once(params, faces_of(params))
    state = fit(params, Plan(1, frozenset({1})), worker)
    assert np.isfinite([worker.metrics["loss"], worker.metrics["val_nme"]]).all()
    assert 0 < worker.metrics["loss"]
    moved = [value for value in state["optimizer"]["state"].values() if value["exp_avg"].abs().max() > 0]
    assert 0.9 * len(state["optimizer"]["state"]) < len(moved)


def test_a_recipe_is_named_as_its_file(recipe: Path) -> None:
    params = load_params(recipe)
    # Or as the model that it trains further, of which it makes the next version.
    further = params.train.start_from == f"models:/heatmark-{params.name}@champion"
    assert recipe.stem == params.name or (further and recipe.stem.startswith(f"{params.name}_"))


def test_a_recipe_says_what_it_is_after(recipe: Path) -> None:
    header = "".join(re.findall(r"^#.*\n", recipe.read_text(), re.MULTILINE)).replace("\n# ", " ")
    assert re.search(r"[Aa]fter|default|beside", header), header


def test_all_of_the_papers_experiments_have_a_recipe() -> None:
    assert PAPERS <= {path.stem for path in RECIPES}


@pytest.mark.parametrize("name", sorted(PAPERS))
def test_what_is_published_is_marked_where_it_is_set(name: str) -> None:
    text = whole_text(ROOT / "recipes" / f"{name}.yaml")
    marks = set(re.findall(r"# \[(\w+)\]", text))
    assert marks <= {"code", "figure", "abstract", "note", "recalled", "inferred"}
    lines = {line.split(":")[0].strip(): line for line in text.splitlines() if ":" in line and not line.startswith("#")}
    # What nobody published must not look as if somebody had.
    for key in ("seed", "precision", "clip_norm", "ema_decay", "val_share", "evaluations"):
        assert "[" not in lines[key], lines[key]


def test_a_mark_in_the_whole_file_is_explained_in_its_head() -> None:
    text = whole_text(ROOT / "recipes" / "hih_b_cofw.yaml")
    head = text[: text.index("name: hih_b_cofw")]
    assert head.startswith("# HIH_B on COFW: 4 stacked hourglasses, nested decimal heatmaps.\n# After: NME 3.21%")
    assert set(re.findall(r"# \[(\w+)\]", text)) <= set(re.findall(r"\[(\w+)\]", head))
    assert "  stacks: 4  # [figure]\n" in text
    assert "  crop: 256  # [code]\n" in text


def test_what_a_recipe_sets_without_a_source_has_none(tmp_path: Path) -> None:
    (tmp_path / "bases").mkdir()
    for name in ("hih_t_300w", "bases/hih"):
        (tmp_path / f"{name}.yaml").write_bytes((ROOT / "recipes" / f"{name}.yaml").read_bytes())
    (tmp_path / "own.yaml").write_text("base: hih_t_300w\nname: own\ntrain: {lr: 0.001}\n")
    text = whole_text(tmp_path / "own.yaml")
    assert "  lr: 0.001\n" in text
    assert "  epochs: 60  # [code]\n" in text


def test_recipes_are_short() -> None:
    files = list((ROOT / "recipes").rglob("*.yaml"))
    assert sum(len(path.read_text().splitlines()) for path in files) < 500


def test_the_whole_file_is_the_recipe(recipe: Path, tmp_path: Path) -> None:
    text = whole_text(recipe)
    (tmp_path / "params.yaml").write_text(text)
    assert load_params(recipe) == load_params(tmp_path / "params.yaml")
    assert text == whole_text(tmp_path / "params.yaml")


def run_params(*words: str | Path) -> str:
    app = typer.Typer()
    app.command()(main)
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert 0 == done.exit_code, done.output
    return done.output


@pytest.mark.parametrize("name", ["hih_b_cofw", "300w_small", "shr_fan_aflw19"])
def test_what_is_printed_of_a_recipe_fits_80_columns_says_each_key_and_is_the_recipe(name: str, tmp_path: Path) -> None:
    path = ROOT / "recipes" / f"{name}.yaml"
    text = run_params(path)
    assert max(map(len, text.splitlines())) <= 80
    (tmp_path / "printed.yaml").write_text(text)
    assert load_params(path) == load_params(tmp_path / "printed.yaml")
    # A comment line above every section and key.
    lines = text.splitlines()
    bare = [
        line for before, line in pairwise(lines) if re.match(r" *\w+:", line) and not before.lstrip().startswith("#")
    ]
    assert [] == bare


def test_the_plain_print_is_what_is_written_to_params_yaml() -> None:
    path = ROOT / "recipes" / "300w_small.yaml"
    assert whole_text(path) == run_params(path, "--plain")


def test_the_list_has_every_recipe_with_what_it_says_of_itself() -> None:
    text = run_params("--list")
    names = [line for line in text.splitlines() if not line.startswith(" ")]
    assert [path.stem for path in RECIPES] == names
    assert "hih_b_cofw\n    HIH_B on COFW: 4 stacked hourglasses, nested decimal heatmaps\n" in text
