"""The study of recipes: its command on two faces of each split, with two seeds, and one that starts from another's model."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml

from components.model import LandmarkModel
from pipelines.params import load_params
from studies.inputs.crops import read_crops
from studies.recipes import check_comparable
from studies.trainings.one import start_key

OUT = "runs/reached"


def write_recipe(small, name: str, **train: object) -> str:
    fields = yaml.safe_load((small.root / "recipes/smallest.yaml").read_text(encoding="utf-8"))
    fields["name"] = name
    fields["train"] |= {"epochs": 1, **train}
    (small.root / f"recipes/{name}.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    return f"recipes/{name}.yaml"


def words(*recipes: str, seeds: tuple[int, ...] = (0, 1)) -> tuple[str, ...]:
    chosen = [word for seed in seeds for word in ("--seeds", str(seed))]
    return ("python", "-m", "studies.recipes", *recipes, "--crops", "crops", "--out", OUT, *chosen)


@pytest.fixture(scope="module")
def reached(small) -> list[str]:
    """The lines of its table."""
    plain = write_recipe(small, "plain")
    child = write_recipe(small, "child", start_from=f"{OUT}/plain_0/model", lr=1e-30)
    shown = small.run(*words(plain)).stdout
    # Another test may have trained the same before.
    assert 2 == len(re.findall(r"(?m)^plain, seed [01]: (?:\d+ s|not timed: resumed), val NME \d+\.\d\d%$", shown))
    return small.run(*words(plain, child)).stdout.splitlines()


def test_each_recipe_has_its_line_and_what_is_done_is_not_trained_again(reached):
    assert not any(line.startswith("plain, seed") for line in reached)
    rows = [line.split(" | ") for line in reached if line.startswith("| ")][2:]
    assert ["| plain", "| child"] == [row[0] for row in rows]
    assert "0.00% (0.00% to 0.00%)" == rows[0][3]  # minus itself
    assert all(re.fullmatch(r"\d+\.\d\d%, \d+\.\d\d%", row[1]) for row in rows)  # of both seeds
    plain, mirrored = (float(row.partition("%")[0]) for row in (rows[0][2], rows[0][5]))
    assert plain != mirrored


def test_a_recipe_starts_from_the_model_that_it_names(small, reached):
    """At a rate of next to nothing, the child of one step is its parent but for the running statistics of its norms."""
    parent, child = (LandmarkModel.load(small.root / OUT / f"{name}_0/model") for name in ("plain", "child"))
    for (name, ours), theirs in zip(parent.named_parameters(), child.parameters(), strict=True):
        np.testing.assert_allclose(ours.detach(), theirs.detach(), atol=1e-6, err_msg=name)


def test_a_training_from_another_model_is_another_training(small, reached):
    params = load_params(small.root / "recipes/child.yaml")
    keys = set()
    for seed in (0, 1):
        parent = str(small.root / OUT / f"plain_{seed}/model")
        keys.add(start_key(params.model_copy(update={"train": params.train.model_copy(update={"start_from": parent})})))
    assert 2 == len(keys)
    assert "" == start_key(load_params(small.root / "recipes/plain.yaml"))


def test_recipes_of_other_protocols_or_faces_are_not_held_against_each_other(small):
    params = load_params(small.root / "recipes/smallest.yaml")
    pupils = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"protocol": "inter_pupil"})})
    faces = read_crops(small.root / "crops", "test", params)
    check_comparable([(params, faces), (params, faces)])
    with pytest.raises(ValueError, match="tiny and tiny do not compare: protocols 'inter_ocular' and 'inter_pupil'"):
        check_comparable([(params, faces), (pupils, faces)])
    with pytest.raises(ValueError, match="tiny and tiny do not compare: their crops are of other test faces"):
        check_comparable([(params, faces), (params, faces.slice(1))])


@pytest.mark.parametrize(
    ("recipes", "sentence"),
    [
        (("recipes/away.yaml",), "recipes: recipes/away.yaml: No such file or directory"),
        (("recipes/smallest.yaml", "recipes/smallest.yaml"), "recipes: two recipes are called 'tiny'"),
    ],
)
def test_wrong_input_ends_in_one_line(recipes, sentence, small):
    done = small.run(*words(*recipes, seeds=(0,)), check=False)
    assert (1, [sentence]) == (done.returncode, done.stderr.splitlines())
