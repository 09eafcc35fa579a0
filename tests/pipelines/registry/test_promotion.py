"""The decision is pure; applying it may stop anywhere, and a second call finishes it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipelines.registry.promotion import Keep, Promote, _same_faces, _same_views, apply, decide
from pipelines.registry.tracking import Registry
from pipelines.runtime.tables import with_note

FACES = np.linspace(0.02, 0.08, 100)


def test_the_first_version_is_promoted():
    assert decide(None, FACES, 0.95) == Promote("the first version")


@pytest.mark.parametrize(("factor", "kind"), [(0.9, Promote), (1.1, Keep), (1.0, Keep)])
def test_only_a_lower_error_on_the_same_faces_is_promoted(factor, kind):
    assert type(decide(FACES, FACES * factor, 0.95)) is kind


def test_a_gain_within_the_noise_of_the_faces_is_kept_out_and_says_so():
    noise = np.random.default_rng(0).normal(0, 0.01, 100)
    noise += -0.0005 - noise.mean()  # better by 0.05% on average; the standard error of 100 faces is 0.1%
    decision = decide(FACES, FACES + noise, 0.95)
    assert isinstance(decision, Keep)
    assert decision.reason.startswith(
        "not shown to be better: NME 4.950% against the champion's 5.000% on the same 100 faces"
    )


def test_other_faces_are_not_compared():
    with pytest.raises(ValueError, match="cannot compare 99 faces with 100"):
        decide(FACES, FACES[1:], 0.95)


@pytest.mark.parametrize(
    ("name", "change", "same"),
    [
        ("face", lambda faces: faces, True),
        ("face", lambda faces: ["b", "a"], False),
        ("landmarks", lambda marks: [[1.0, np.nan], [3.0, 4.5]], False),
        ("landmarks", lambda marks: [[1.0, 2.0], [3.0, 4.0]], False),
    ],
)
def test_faces_are_the_same_by_name_and_truth_also_where_a_landmark_is_missing(name, change, same):
    kind = pa.list_(pa.float32(), 2)
    table = pa.table({"face": ["a", "b"], "landmarks": pa.array([[1.0, np.nan], [3.0, 4.0]], kind)})
    at = table.schema.get_field_index(name)
    changed = pa.array(change(table.column(name).to_pylist()), table.schema.field(name).type)
    assert same == _same_faces(table, table.set_column(at, name, changed))


def test_numbers_with_the_mirrored_picture_are_not_taken_for_those_without():
    plain, twice = (with_note(pa.table({"face": ["a"]}), mirrored=said) for said in ("no", "yes"))
    assert [True, False, False] == [_same_views(plain, plain), _same_views(plain, twice), _same_views(twice, plain)]


@pytest.fixture
def registry(tmp_path, monkeypatch) -> Registry:
    """A real registry in SQLite, with three versions; the first is champion."""
    import mlflow

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = mlflow.MlflowClient(uri, uri)
    registry = Registry(client, "heatmark-test")
    for _ in range(3):
        client.create_model_version("heatmark-test", f"file://{tmp_path}")
    registry.point("champion", "1")
    registry.point("challenger", "2")
    return registry


def test_promoting_moves_the_aliases_and_notes_the_reason(registry):
    apply(Promote("better"), registry, "2")
    assert registry.aliases() == {"champion": "2", "previous": "1"}
    assert registry.tags("2") == {"decision": "promote", "reason": "better"}


def test_keeping_moves_nothing_but_the_challenger(registry):
    apply(Keep("worse"), registry, "2")
    assert registry.aliases() == {"champion": "1"}
    assert registry.tags("2") == {"decision": "keep", "reason": "worse"}


@pytest.mark.parametrize("calls_until_crash", range(1, 6))
def test_a_crash_at_any_point_is_mended_by_a_second_call(registry, calls_until_crash, monkeypatch):
    calls = iter(range(calls_until_crash))
    for name in ("set_registered_model_alias", "set_model_version_tag", "delete_registered_model_alias"):
        real = getattr(registry.client, name)

        def crashing(*args, real=real):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return real(*args)

        monkeypatch.setattr(registry.client, name, crashing)
    try:
        apply(Promote("better"), registry, "2")
    except KeyboardInterrupt:
        monkeypatch.undo()
        assert registry.aliases()["champion"] in ("1", "2")
        apply(Promote("better"), registry, "2")
    assert registry.aliases() == {"champion": "2", "previous": "1"}
    assert registry.tags("2") == {"decision": "promote", "reason": "better"}
