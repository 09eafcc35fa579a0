"""A training becomes one version, complete and challenger, however often its registration was cut short."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient

from pipelines.registry import tracking
from pipelines.registry.register import Registered, check_scheme, register, registered_name

# MLflow's own, as it is imported.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*type hint:UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)
# Each of the client's that changes something.
WRITES = ("create_run", "create_registered_model", "log_batch", "log_artifact", "log_text", "set_terminated")
WRITES += ("create_model_version", "set_model_version_tag", "set_registered_model_alias", "update_run")
WRITES += ("log_inputs", "update_model_version", "update_registered_model", "set_registered_model_tag")


def crash_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets so many writes through; at the next one the process is gone, with a KeyboardInterrupt."""
    left = iter(range(writes))

    def cut(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def write(*args: object, **options: object) -> object:
            if next(left, None) is None:
                raise KeyboardInterrupt(name)
            return real(*args, **options)

        monkeypatch.setattr(owner, name, write)

    for name in WRITES:
        cut(MlflowClient, name)
    cut(tracking, "log_model")


def cut_short(evaluated, writes: int) -> str:
    """The name of the write that was cut; "" if the registration came to its end."""
    with pytest.MonkeyPatch.context() as patched:
        crash_after(writes, patched)
        try:
            register(*evaluated)
        except KeyboardInterrupt as cut:
            return str(cut)
    return ""


def test_registering_again_changes_nothing(evaluated, store):
    first = register(*evaluated)
    registry = tracking.Registry(tracking.connect(), first.model)
    tags = registry.tags("1")
    assert Registered(registered_name(evaluated.params), "1", first.run, "0123456789abcdef", new=True) == first
    assert Registered(first.model, "1", first.run, first.key, new=False) == register(*evaluated)
    assert (["1"], {"challenger": "1"}, tags) == (
        [each.number for each in registry.versions()], registry.aliases(), registry.tags("1")
    )  # fmt: skip


def test_a_recipe_of_another_scheme_needs_another_name(evaluated, store):
    other = evaluated.params.model_copy(update={"scheme": "cofw29"})
    assert "cofw29" != evaluated.params.scheme
    check_scheme(other)  # nothing is registered yet
    register(*evaluated)
    check_scheme(evaluated.params)
    with pytest.raises(
        ValueError, match=r"so that none could be held against the champion: give the recipe another name$"
    ):
        check_scheme(other)


def test_a_crash_at_any_write_leaves_no_half_version_and_the_next_call_completes_it(evaluated, store):
    """Each call comes one write further than the one before, over what that one left behind."""
    cut: list[str] = []
    while name := cut_short(evaluated, len(cut)):
        cut.append(name)
        registry = tracking.Registry(tracking.connect(), registered_name(evaluated.params))
        versions = registry.versions()
        assert len(versions) <= 1
        # A version is never without what leads back from it.
        assert all(
            {"data_version", "git_commit", "run_id", "test_nme", "check_faces"} <= each.tags.keys() for each in versions
        )
        assert "champion" not in registry.aliases()
    assert ["1"] == [each.number for each in registry.versions()]
    assert {"challenger": "1"} == registry.aliases()
    everything = {
        "create_run",
        "log_artifact",
        "log_batch",
        "log_model",
        "create_model_version",
        "set_registered_model_alias",
        "log_inputs",
    }
    assert everything <= set(cut)


@pytest.mark.parametrize("write", ["update_model_version", "update_registered_model", "set_registered_model_tag"])
def test_what_was_cut_short_before_it_said_what_the_version_is_says_it_the_next_time(evaluated, store, write):
    def cut(*args: object, **options: object) -> None:
        raise KeyboardInterrupt(write)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MlflowClient, write, cut)
        with pytest.raises(KeyboardInterrupt, match=write):
            register(*evaluated)
    register(*evaluated)
    client, name = tracking.connect(), registered_name(evaluated.params)
    assert client.get_model_version(name, "1").description.startswith("NME ")
    assert {"recipe": "tiny", "scheme": "ibug68"} == client.get_registered_model(name).tags


def test_the_first_tags_are_what_people_look_for_in_the_table_of_versions(evaluated, store):
    register(*evaluated)
    tags = tracking.Registry(tracking.connect(), registered_name(evaluated.params)).tags("1")
    assert ["test_nme", "decision"] == list(tags)[:2]
    assert "" == tags["decision"]


def test_a_version_that_was_decided_about_is_no_challenger_again(evaluated, store):
    first = register(*evaluated)
    registry = tracking.Registry(tracking.connect(), first.model)
    registry.tag("1", {"decision": "keep"})
    registry.unpoint("challenger")
    register(*evaluated)
    assert {} == registry.aliases()
