"""A flow's decision: what was decided before stands, and only the same faces are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.params import load_params
from pipelines.registry.gate import AwaitApproval, Keep, NeedMoreData, Promote
from pipelines.registry.promotion import comparison_of, measured, standing
from pipelines.registry.register import Registered
from pipelines.registry.same_faces import same_faces
from pipelines.runtime.tables import with_note

ROOT = Path(__file__).parents[3]
VERSION = Registered("heatmark-test", "2", "run", "key", new=False)
KIND = pa.list_(pa.float32(), 2)
TWO_FACES = pa.table({"face": ["a", "b"], "landmarks": pa.array([[1.0, np.nan], [3.0, 4.0]], KIND)})


def changed(name: str, values: list) -> pa.Table:
    at = TWO_FACES.schema.get_field_index(name)
    return TWO_FACES.set_column(at, name, pa.array(values, TWO_FACES.schema.field(name).type))


@pytest.mark.parametrize(
    ("name", "values", "same"),
    [
        ("face", ["a", "b"], True),
        ("face", ["b", "a"], False),
        ("landmarks", [[1.0, np.nan], [3.0, 4.5]], False),
        ("landmarks", [[1.0, 2.0], [3.0, 4.0]], False),
    ],
)
def test_faces_are_the_same_by_name_and_truth_also_where_a_landmark_is_missing(name, values, same):
    assert same == same_faces(TWO_FACES, changed(name, values))


def test_numbers_with_the_mirrored_picture_are_not_taken_for_those_without():
    plain, twice = (
        with_note(pa.table({"face": ["a"], "landmarks": pa.array([[1.0, 2.0]], KIND)}), mirrored=said)
        for said in ("no", "yes")
    )
    assert [True, False, False] == [same_faces(plain, plain), same_faces(plain, twice), same_faces(twice, plain)]
    # Of before evaluations said so, when there were none with it.
    old = plain.replace_schema_metadata(None)
    assert [True, True, False, False] == [
        same_faces(*pair) for pair in ((old, plain), (plain, old), (old, twice), (twice, old))
    ]


def test_the_champion_stays_what_it_is():
    assert Promote("better: ...") == standing(VERSION, "2", {"reason": "better: ..."}, "x")


@pytest.mark.parametrize("word", ["rolled back", "retired", "rejected"])
def test_what_a_person_decided_against_a_version_stays_whatever_is_compared(word):
    tags = {"decision": word, "reason": "blurred", "decided_by": "ann", "comparison": "x"}
    for comparison in ("x", "y"):
        decision = standing(VERSION, "1", tags, comparison)
        assert isinstance(decision, Keep)
        assert decision.reason == (
            f"it was {word} by ann (blurred), and stays so; `heatmark promote 2 --model heatmark-test --because ...` makes it champion"
        )


def test_the_same_comparison_is_not_made_twice():
    kept = {"decision": "keep", "reason": "worse: ...", "comparison": "x"}
    assert Keep("worse: ...") == standing(VERSION, "1", kept, "x")
    assert NeedMoreData("few", None) == standing(
        VERSION, "1", {**kept, "decision": "need more data", "reason": "few"}, "x"
    )
    waits = {"decision": "await approval", "reason": "better: ...", "comparison": "x"}
    assert AwaitApproval("better: ...") == standing(VERSION, "1", waits, "x")
    assert standing(VERSION, "1", waits, "y") is None
    assert standing(VERSION, "1", kept, "y") is None
    assert standing(VERSION, "1", {}, "x") is None


def test_a_version_whose_champion_a_person_put_back_is_not_promoted_over_it_again():
    decision = standing(VERSION, "1", {"decision": "promote", "reason": "better", "comparison": "x"}, "x")
    assert isinstance(decision, Keep)
    assert decision.reason.startswith("it was promoted before, and a person has made version 1 champion since")


def test_a_comparison_is_another_with_another_champion_face_truth_protocol_or_policy():
    params = load_params(ROOT / "recipes/300w_small.yaml")
    stricter = params.model_copy(update={"promotion": params.promotion.model_copy(update={"error_per_year": 0.01})})
    mirrored = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"mirrored": True})})
    asked = params.model_copy(update={"promotion": params.promotion.model_copy(update={"approval": "required"})})
    assert comparison_of("1", TWO_FACES, params) == comparison_of("1", TWO_FACES, asked)
    made = [
        comparison_of("1", TWO_FACES, params),
        comparison_of("2", TWO_FACES, params),
        comparison_of(None, TWO_FACES, params),
        comparison_of("1", changed("face", ["a", "c"]), params),
        comparison_of("1", changed("landmarks", [[1.0, np.nan], [3.0, 4.5]]), params),
        comparison_of("1", TWO_FACES, stricter),
        comparison_of("1", TWO_FACES, mirrored),
    ]
    assert len(made) == len(set(made))
    assert made[0] == comparison_of("1", TWO_FACES.slice(0), params)


def test_a_table_of_errors_is_taken_row_by_row():
    table = pa.table({"nme": pa.array([0.1, 0.2], pa.float32()), "subject": ["a", "b"], "subsets": [["x"], None]})
    of = measured(table)
    np.testing.assert_allclose(of.nme, [0.1, 0.2], rtol=1e-6)
    assert (["a", "b"], [["x"], None]) == (of.subjects.tolist(), of.subsets)
