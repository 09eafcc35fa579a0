"""The table of experiments: what was changed and what came of it, in 80 columns."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from flows.compared import changes, figures, show, table

MEASURED = {"nme": 0.0264, "failure_rate": 0.0341, "auc": 0.756, "protocol": {"hash": "abc"}}


def state(metrics: dict | None = None, name: str = "demo", **train: object) -> dict:
    """What DVC says of a commit or an experiment."""
    params = {"name": name, "train": {"lr": 0.003, "epochs": 40, "decay_epochs": [], **train}}
    measured = {"reports/old/metrics.json": {"data": {"nme": 0.5}}, f"reports/{name}/metrics.json": {"data": metrics}}
    return {"params": {"params.yaml": {"data": params}}, "metrics": measured, "timestamp": "2026-01-01T00:00:00"}


def tried(name: str, data: dict | None, error: dict | None = None) -> dict:
    return {"revs": [{"rev": "0123456789", "name": name, "data": data, "error": error}], "executor": None}


def shown(*experiments: dict) -> str:
    commit = {"rev": "fedcba9876543", "name": "main", "data": state(name="committed"), "experiments": [*experiments]}
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table([{"rev": "workspace", "name": None, "data": state(MEASURED), "experiments": None}, commit]))
    return captured.get()


def test_the_workspace_and_each_experiment_have_a_row_with_the_main_figures_and_what_was_changed() -> None:
    better = state({**MEASURED, "nme": 0.0251}, lr=0.001)
    said = shown(tried("zonal-fado", better))
    assert "│ workspace  │ 2.64% │ 3.41% │ 0.756 │ " in said
    assert "│ zonal-fado │ 2.51% │ 3.41% │ 0.756 │ train.lr: 0.003 -> 0.001 " in said


def test_it_is_80_columns_wide_however_many_subsets_and_params_there_are() -> None:
    train = {f"a_rather_long_name_of_a_key_{i}": i for i in range(300)}
    said = shown(tried("a-name-that-is-longer-than-most", state({**MEASURED, "subsets": {"x" * 90: {}}}, **train)))
    assert {80} == {len(line) for line in said.splitlines()[1:]}
    assert "and 292 more" in said


def test_the_newest_experiment_comes_first() -> None:
    later = {**state(MEASURED, lr=1), "timestamp": "2026-02-02T00:00:00"}
    said = shown(tried("older", state(MEASURED, lr=2)), tried("newer", later))
    assert said.index("newer") < said.index("older")


def test_keys_that_came_or_went_are_said_to() -> None:
    assert ["train.ema: not there -> 0.99", "train.epochs: 40 -> 20"] == changes(state(), state(epochs=20, ema=0.99))


def test_numbers_by_another_protocol_are_said_not_to_compare() -> None:
    other = state({**MEASURED, "protocol": {"hash": "def"}})
    assert ["measured by another protocol: does not compare"] == changes(state(MEASURED), other)


def test_of_an_experiment_that_failed_there_is_what_dvc_says_of_it() -> None:
    assert "│ odd-one    │     – │     – │     – │ out of memory" in shown(
        tried("odd-one", None, {"msg": "out of memory"})
    )


def test_a_recipe_that_was_not_measured_has_dashes_and_not_another_recipes_numbers() -> None:
    assert ["–", "–", "–"] == figures(state(None))


STAGE = """
stages:
  evaluate:
    cmd: mkdir -p reports/demo && echo '{"nme":0.02,"failure_rate":0.0,"auc":0.8,"protocol":{"hash":"a"}}' > reports/demo/metrics.json
    params: [train.lr]
    metrics:
      - reports/demo/metrics.json:
          cache: false
"""


@pytest.mark.slow
def test_it_reads_what_dvc_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dvc.yaml").write_text(STAGE)
    (tmp_path / "params.yaml").write_text("name: demo\ntrain:\n  lr: 0.003\n")
    words = ["git init -q -b main", "dvc init -q", "dvc repro -q", "git add -A"]
    words += [
        "git -c user.name=ann -c user.email=ann@example.org commit -qm one",
        "dvc exp run -q -n tenth -S train.lr=0.0003",
        "git checkout -q params.yaml",  # as `heatmark exp` puts it back
    ]
    for each in words:
        subprocess.run(each.split(), cwd=tmp_path, check=True, capture_output=True)
    show(tmp_path)
    said = capsys.readouterr().out
    assert 1 == said.count("│ workspace ")
    assert "│ tenth      │ 2.00% │ 0.00% │ 0.800 │ train.lr: 0.003 -> 0.0003 " in said
