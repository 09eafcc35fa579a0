"""What keeps a version from being made again is said before any work. (That one is made again, bit by bit: tests/flows.)"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.params import whole_text
from pipelines.registry import lineage
from pipelines.registry.reproduce import check_code, compared
from pipelines.runtime.tables import with_note, write_table

LOSS = "components/losses/heatmap.py"
CHECK_OUT = """
from pathlib import Path
from pipelines.registry.reproduce import check_out
try:
    check_out(Path("runs/x"), "f" * 40, Path("kept"))
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize(("text", "what"), [("other", "another one"), (None, "missing")])
def test_code_that_was_never_added_to_git_is_named(tmp_path, text, what):
    if text:
        (tmp_path / LOSS).parent.mkdir(parents=True)
        (tmp_path / LOSS).write_text(text)
    (tmp_path / "train.json").write_text(
        json.dumps({"files": {LOSS: "0" * 64, "pipelines/params.py: TrainParams": "1"}})
    )
    with pytest.raises(
        ValueError, match=f"{LOSS} is {what} in commit and changes of that version: it was not added to git"
    ):
        check_code(tmp_path, tmp_path)


def test_a_commit_that_is_not_here_says_where_to_look(make_project):
    said = make_project().run("python", "-c", CHECK_OUT).stdout
    assert f"commit {'f' * 40} is not in this clone: `git fetch --all`" in said


@pytest.fixture
def made(tmp_path, root_params):
    """A worktree's files and those of a run, of one face each, with other weights."""
    for where, nme in (("here", 0.05), ("there", 0.06)):
        folder = tmp_path / where
        for name in ("artifacts/300w_small/model", "reports/300w_small"):
            (folder / name).mkdir(parents=True)
        (folder / "artifacts/300w_small/model/model.safetensors").write_bytes(where.encode())
        (folder / "reports/300w_small/metrics.json").write_text(json.dumps({"nme": nme}))
    (tmp_path / "here/params.yaml").write_text(root_params)
    return tmp_path


@pytest.fixture(scope="module")
def root_params() -> str:
    return whole_text(Path(__file__).parents[3] / "recipes/300w_small.yaml")


def write_errors(folder, nme: list[float]) -> None:
    table = pa.table(
        {
            "face": [str(i) for i in range(len(nme))],
            "subject": [str(i) for i in range(len(nme))],
            "landmarks": pa.array([[1.0, 2.0]] * len(nme), pa.list_(pa.float32(), 2)),
            "nme": pa.array(nme, pa.float32()),
        }
    )
    write_table(with_note(table, mirrored="no"), folder / "errors.parquet")


@pytest.mark.parametrize(("nme", "metrics"), [(0.06, "all metrics"), (0.05, "not all metrics")])
def test_the_same_weights_are_the_same_model_however_often_it_was_measured_since(made, nme, metrics):
    (made / "there/reports/300w_small/metrics.json").write_text(json.dumps({"nme": nme}))
    (made / "here/reports/300w_small/metrics.json").write_text(json.dumps({"nme": 0.06}))
    model = made / "here/artifacts/300w_small/model"
    said = compared(made / "here", made / "there/reports/300w_small", model, {"machine": lineage.machine()})
    assert said.startswith(f"the same: weights bit by bit, and {metrics}")


@pytest.mark.parametrize(
    ("shift", "machine", "outcome"),
    [
        (0.0, "another", "as good, on another kind of machine"),
        (0.02, "another", "another model: "),
        (0.0, None, "another model, although on the same kind of machine"),
    ],
)
def test_other_weights_are_as_good_only_on_another_kind_of_machine_and_within_what_seeds_differ_by(
    made, shift, machine, outcome
):
    seesaw = [0.05 + (0.001 if i % 2 else -0.001) for i in range(40)]
    reports = "reports/300w_small"
    write_errors(made / "here" / reports, [nme + shift for nme in seesaw])
    write_errors(made / "there" / reports, seesaw[::-1])
    arguments = (
        made / "here",
        made / "there" / reports,
        made / "there/artifacts/300w_small/model",
        {"machine": machine or lineage.machine()},
    )
    if outcome.startswith("as good"):
        assert compared(*arguments).startswith(outcome)
    else:
        with pytest.raises(ValueError, match=outcome):
            compared(*arguments)
