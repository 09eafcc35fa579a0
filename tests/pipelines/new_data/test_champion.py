"""A champion is given the crops that it was trained on."""

from __future__ import annotations

from dataclasses import replace

from pipelines.new_data.champion import cut_for
from pipelines.params import load_params
from pipelines.runtime.environment import ROOT


def test_faces_are_cut_for_the_champion_and_not_by_a_recipe_that_was_edited_since() -> None:
    then, now = (load_params(ROOT / f"recipes/{name}.yaml") for name in ("300w_small", "300w_comparison"))
    cut = cut_for(then.model(), now)
    assert (192, 1.15, "landmarks") == (cut.preprocess.crop, cut.preprocess.expand, cut.preprocess.box)
    assert (now.datasets, now.evaluate) == (cut.datasets, cut.evaluate)
    assert "annotated" == cut_for(replace(then.model(), box="annotated"), now).preprocess.box
    assert now == cut_for(now.model(), now)
