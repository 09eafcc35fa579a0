"""The training loop's arithmetic: when things are due, how fast to learn, where to stop."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.params import Params, load_params
from pipelines.runtime.environment import ROOT
from pipelines.training.loop import Plan


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(ROOT / "recipes" / "demo.yaml")


def trained(params: Params, **changed) -> Params:
    return params.model_copy(update={"train": params.train.model_copy(update=changed)})


def test_a_plan_counts_steps_of_all_epochs_and_evaluates_evenly(params: Params) -> None:
    # By hand: 10 epochs of 100 faces by 32 are 31.25 steps; 31 * 1/4, 2/4, 3/4, 4/4, rounded down.
    plan = Plan.of(trained(params, epochs=10, batch_size=32, evaluations=4), num_faces=100)
    assert Plan(31, frozenset({7, 15, 23, 31})) == plan


@pytest.mark.parametrize(("share", "steps"), [(1.0, 31), (0.8, 39), (0.5, 62)])
def test_epochs_are_those_of_the_faces_that_are_held_out(params: Params, share: float, steps: int) -> None:
    # By hand: 10 epochs of 100 faces, of which each step sees 32 times the share: 31.25, 39.06 and 62.5 steps.
    fields = trained(params, epochs=10, batch_size=32, evaluations=1).model_dump()
    if share < 1:
        more = {"reader": "300w", "share": 1 - share, "held_out": False}
        fields["datasets"] = {"synthetic": {"reader": "synthetic", "share": share}, "more": more}
    assert steps == Plan.of(Params.model_validate(fields), num_faces=100).total


@given(st.integers(1, 10**5), st.integers(1, 10**6), st.integers(1, 65_536))
def test_with_one_dataset_steps_are_whole_numbers_arithmetic(epochs: int, num_faces: int, batch_size: int) -> None:
    chosen = trained(load_params(ROOT / "recipes/demo.yaml"), epochs=epochs, batch_size=batch_size, evaluations=1)
    assert max(1, epochs * num_faces // batch_size) == Plan.of(chosen, num_faces).total


def test_fewer_faces_than_a_batch_are_still_a_step(params: Params) -> None:
    assert Plan(1, frozenset({1})) == Plan.of(trained(params, epochs=1, batch_size=32, evaluations=4), num_faces=5)


@pytest.mark.parametrize("epochs", [1, 3, 40])
@pytest.mark.parametrize("evaluations", [1, 7, 1000])
@pytest.mark.parametrize("num_faces", [1, 33, 1000])
def test_the_last_evaluation_is_after_the_last_step_and_none_before_the_first(
    params: Params, epochs: int, evaluations: int, num_faces: int
) -> None:
    plan = Plan.of(trained(params, epochs=epochs, evaluations=evaluations), num_faces)
    assert plan.total == max(plan.evaluations)
    assert 1 <= min(plan.evaluations)
    assert min(evaluations, plan.total) == len(plan.evaluations)


def rates_of(params: Params, total: int, **changed) -> list[float]:
    plan, chosen = Plan(total, frozenset({total})), trained(params, **changed)
    return [plan.rate(step, chosen) for step in range(total + 1)]


def test_the_rate_rises_evenly_and_falls_as_half_a_cosine(params: Params) -> None:
    rates = rates_of(params, 110, warmup=10 / 110)
    # By hand: a tenth more at each of 10 steps; then 1 to 0, a half in the middle.
    assert [pytest.approx((i + 1) / 10) for i in range(10)] == rates[:10]
    assert (1.0, pytest.approx(0.5), pytest.approx(0.0)) == (rates[10], rates[60], rates[110])
    assert pytest.approx((1 + math.cos(math.pi / 4)) / 2) == rates[35]


def test_the_rate_falls_by_steps_where_epochs_are_named(params: Params) -> None:
    # By hand: 60 epochs of 2 steps; a tenth from epoch 30 on, which is step 60, and a hundredth from step 100 on.
    rates = rates_of(params, 120, warmup=0.0, epochs=60, decay_epochs=[30, 50], decay_factor=0.1)
    assert {1.0} == set(rates[:60])
    assert {0.1} == set(rates[60:100])
    assert [pytest.approx(0.01)] * 21 == rates[100:]


@given(total=st.integers(1, 2000), warmup=st.floats(0, 1), decay_epochs=st.sampled_from([[], [3], [1, 30]]))
def test_the_rate_stays_between_0_and_1_and_falls_once_it_has_risen(
    params: Params, total: int, warmup: float, decay_epochs: list[int]
) -> None:
    rates = rates_of(params, total, warmup=warmup, decay_epochs=decay_epochs)
    assert 0 <= min(rates) <= max(rates) <= 1
    top = rates.index(max(rates))
    assert sorted(rates[: top + 1]) == rates[: top + 1]
    assert sorted(rates[top:], reverse=True) == rates[top:]
    assert rates[0] > 0  # the first step learns something


@given(total=st.integers(1, 2000), evaluations=st.integers(1, 50), share=st.floats(0, 1))
def test_a_stopped_plan_has_the_same_rates_and_ends_where_the_other_was_best(
    params: Params, total: int, evaluations: int, share: float
) -> None:
    plan = Plan.of(trained(params, epochs=1, batch_size=1, evaluations=evaluations), num_faces=total)
    stopped = plan.stopped(share)
    assert plan.total == stopped.total
    assert stopped.end == max(stopped.evaluations)
    assert stopped.evaluations == {step for step in plan.evaluations if step <= stopped.end}
    assert all(abs(stopped.end - share * total) <= abs(step - share * total) for step in plan.evaluations)


def test_a_plan_that_is_stopped_at_its_end_is_the_plan(params: Params) -> None:
    plan = Plan.of(trained(params, epochs=10, batch_size=32, evaluations=4), num_faces=100)
    assert plan == plan.stopped(1.0)
    # By hand: of 31 steps with evaluations at 7, 15, 23, 31, half of them are 15.5.
    assert Plan(31, frozenset({7, 15})) == plan.stopped(0.5)
