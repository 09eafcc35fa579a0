"""The study of recipes: its command on two faces of each split, with two seeds, and one that starts from another's model."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml

from components.model import LandmarkModel

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
    shown = small.run(*words(plain), timeout=120).stdout
    assert 2 == len(re.findall(r"(?m)^plain, seed [01]: \d+ s, val NME \d+\.\d\d%$", shown))
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
