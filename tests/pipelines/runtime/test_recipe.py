"""Recipes: how a file that says what is different becomes a whole one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.runtime.recipe import completed, resolve, text_of, values_of
from pipelines.runtime.strict_yaml import Sheet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "bases/root.yaml": "# Of root.\ntrain:\n  lr: 0.1  # [code]\n  epochs: 3  # [note]\ncodec:\n  name: hih  # [code]\n  bins: floor\n",
        "bases/middle.yaml": "# Of middle.\nbase: root\ntrain:\n  lr: 0.2\n",
        "whole.yaml": "# Of whole.\nbase: middle\nname: whole\ntrain:\n  seed: 1  # ours\n",
        "beside.yaml": "# Of beside.\nbase: whole\nname: beside\ntrain: {epochs: 4}\n",
    }
    (tmp_path / "bases").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_sections_are_merged_key_by_key_down_the_chain_of_bases(folder: Path) -> None:
    expected = {
        "name": "beside",
        "train": {"lr": 0.2, "epochs": 4, "seed": 1},
        "codec": {"name": "hih", "bins": "floor"},
    }
    assert expected == values_of(resolve(folder / "beside.yaml").keys)


def test_a_key_that_is_set_brings_its_own_mark_or_none(folder: Path) -> None:
    sheet = resolve(folder / "beside.yaml")
    train = sheet.keys["train"]
    assert {"lr": "", "epochs": "", "seed": "# ours"} == {name: key.mark for name, key in train.items()}  # type: ignore[union-attr]
    train = resolve(folder / "whole.yaml").keys["train"]
    assert {"lr": "", "epochs": "# [note]", "seed": "# ours"} == {name: key.mark for name, key in train.items()}  # type: ignore[union-attr]


def test_heads_of_bases_follow_but_those_of_other_experiments_stay_with_them(folder: Path) -> None:
    assert ["# Of beside.", "# Of middle.", "# Of root."] == resolve(folder / "beside.yaml").head


@pytest.mark.parametrize("section", ["codec", "network"])
def test_a_part_of_another_name_is_replaced_whole_and_of_the_same_merged(folder: Path, section: str) -> None:
    (folder / "bases/part.yaml").write_text(f"{section}:\n  name: one  # [code]\n  size: 1\n  other: 2  # [code]\n")
    (folder / "other.yaml").write_text(f"base: part\n{section}: {{name: two, size: 3}}\n")
    (folder / "same.yaml").write_text(f"base: part\n{section}: {{name: one, size: 3}}\n")
    assert {section: {"name": "two", "size": 3}} == values_of(resolve(folder / "other.yaml").keys)
    assert {section: {"name": "one", "size": 3, "other": 2}} == values_of(resolve(folder / "same.yaml").keys)


def test_datasets_are_those_that_a_recipe_names_and_none_of_its_bases(folder: Path) -> None:
    (folder / "bases/one.yaml").write_text("datasets:\n  a: {reader: x, share: 1}\n")
    (folder / "other.yaml").write_text("base: one\ndatasets:\n  b: {reader: y}\n")
    (folder / "same.yaml").write_text("base: one\nname: same\n")
    assert {"datasets": {"b": {"reader": "y"}}} == values_of(resolve(folder / "other.yaml").keys)
    assert {"a": {"reader": "x", "share": 1}} == values_of(resolve(folder / "same.yaml").keys)["datasets"]


def test_sections_below_sections_are_completed_written_and_explained(folder: Path) -> None:
    (folder / "two.yaml").write_text("datasets:\n  300w: {reader: x}  # gone\n  b:\n    share: 0.5  # half\n")
    keys = resolve(folder / "two.yaml").keys
    fields = {"datasets": {"300w": {"reader": "x", "share": 0.5}, "b": {"share": 0.5, "held_out": False}}}
    whole = Sheet([], completed(keys, fields))
    expected = "datasets:\n  300w:\n    reader: x\n    share: 0.5\n  b:\n    share: 0.5  # half\n    held_out: false\n"
    assert expected == text_of(whole)
    (folder / "again.yaml").write_text(expected)
    assert fields == values_of(resolve(folder / "again.yaml").keys)
    said = text_of(whole, {"datasets.b": "Of b.", "datasets.b.share": "Of each batch."}, 80)
    assert "  # Of b.\n  b:\n    # Of each batch.\n    share: 0.5  # half\n" in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: x\nbase: nowhere", "x.yaml:2: base 'nowhere' is in neither of F/nowhere.yaml and F/bases/nowhere.yaml"),
        ("base: twice", "x.yaml:1: base 'twice' is in both of F/twice.yaml and F/bases/twice.yaml"),
        ("base: x", "x.yaml: its bases lead back to itself; take one `base:` of them away"),
        ("base: circle", "x.yaml: its bases lead back to itself; take one `base:` of them away"),
        ("base: ../x", "x.yaml:1: base: expected the name of a file without its .yaml, as in `base: hih`, got ../x"),
        ("base: [a]", "x.yaml:1: base: expected the name of a file without its .yaml, as in `base: hih`, got [a]"),
        ("base: 300", "x.yaml:1: base: expected the name of a file without its .yaml, as in `base: hih`, got 300"),
        (
            "base: {a: 1}",
            "x.yaml: base: expected the name of a file without its .yaml, as in `base: hih`, got a section",
        ),
        ("base: broken", "bases/broken.yaml:1: key 'a' is there already; take one of them away"),
    ],
)
def test_a_base_that_cannot_be_used_is_one_sentence(folder: Path, text: str, sentence: str) -> None:
    for name, other in (
        ("twice", ""),
        ("bases/twice", ""),
        ("circle", "base: x"),
        ("bases/broken", "{a: 1, a: 2}"),
        ("x", text),
    ):
        (folder / f"{name}.yaml").write_text(other)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{folder}/{sentence}'.replace('F/', f'{folder}/'))}$"):
        resolve(folder / "x.yaml")


def test_a_whole_file_has_the_defaults_in_their_places_and_every_mark(folder: Path) -> None:
    sheet = resolve(folder / "whole.yaml")
    fields = {
        "name": "whole",
        "codec": {"name": "hih", "decimal": 8, "bins": "floor", "decoder": "argmax", "note": "a b", "on": True},
        "train": {"seed": 1, "lr": 0.2, "epochs": 3},
    }
    whole = sheet._replace(keys=completed(sheet.keys, fields))
    expected = (
        "# Of whole.\n# Of middle.\n# Of root.\nname: whole\n"
        'codec:\n  name: hih  # [code]\n  decimal: 8\n  bins: floor\n  decoder: argmax\n  note: "a b"\n  on: true\n'
        "train:\n  seed: 1  # ours\n  lr: 0.2\n  epochs: 3  # [note]\n"
    )
    assert expected == text_of(whole)
    (folder / "again.yaml").write_text(expected)
    again = resolve(folder / "again.yaml")
    assert fields == values_of(again.keys)
    assert expected == text_of(again)


def test_meanings_stand_above_keys_and_long_marks_go_on_below_themselves(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("# Head.\ntrain:\n  lr: 0.1  # [code] as in the first of their five scripts\n")
    meanings = {"train": "How it is done.", "train.lr": "Highest learning rate, of the optimiser."}
    assert (
        "# Head.\n"
        "\n"
        "# How it is done.\n"
        "train:\n"
        "  # Highest learning rate, of the\n"
        "  # optimiser.\n"
        "  lr: 0.1  # [code] as in the first of\n"
        "           # their five scripts\n"
    ) == text_of(resolve(tmp_path / "a.yaml"), meanings, 40)
