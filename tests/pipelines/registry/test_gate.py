"""The decision is pure, and its reason says what it is by."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.params import PromotionParams
from pipelines.registry.gate import Keep, Measured, NeedMoreData, Promote, decide

FACES = np.linspace(0.02, 0.08, 100)
SUBJECTS = np.arange(100).astype(str)
SUBSETS = [["profile"] if face < 40 else ["frontal"] for face in range(100)]


def policy(**changes: object) -> PromotionParams:
    asked = {
        "error_per_year": 0.05,
        "looks_per_year": 366,
        "seed_spread": 0.0,
        "max_nme": 0.2,
        "guards": {},
        "refused_licences": [],
        "approval": "none",
    }
    return PromotionParams(**{**asked, **changes})


def measured(nme: np.ndarray) -> Measured:
    return Measured(nme, SUBJECTS, SUBSETS)


def noisy(gain: float, noise: float = 0.01) -> np.ndarray:
    """FACES, better by exactly `gain` on average; the standard error of the mean is a tenth of `noise`."""
    drawn = np.random.default_rng(0).normal(0, noise, 100)
    return FACES + drawn - drawn.mean() - gain


def test_the_first_version_is_promoted():
    assert decide(None, measured(FACES), policy()) == Promote("the first version")


@pytest.mark.parametrize("champion", [None, FACES * 5])
def test_a_version_that_errs_more_than_is_allowed_is_kept_out_even_as_the_first(champion):
    decision = decide(champion, measured(FACES * 4.5), policy())
    assert decision == Keep("NME 22.50% is above promotion.max_nme, 20.00%")


@pytest.mark.parametrize(("gain", "kind"), [(0.005, Promote), (0.0, Keep), (-0.005, Keep)])
def test_only_a_lower_error_on_the_same_faces_is_promoted(gain, kind):
    assert type(decide(FACES, measured(noisy(gain)), policy())) is kind


def test_the_reason_names_both_numbers_their_difference_and_what_chance_makes_of_it():
    decision = decide(FACES, measured(noisy(0.005)), policy())
    assert decision.reason.startswith(
        "better: NME 4.500% against the champion's 5.000% on the same 100 faces; difference -0.500%, 95% interval "
    )
    assert decision.reason.endswith(", and 1 time in 7,320 is what a look may err")  # 366 / 0.05


def test_what_a_single_look_would_show_is_not_enough_for_one_of_a_year_and_the_faces_that_would_do_are_said():
    decision = decide(FACES, measured(noisy(0.0024)), policy())
    assert isinstance(decision, NeedMoreData)
    assert decision.faces is not None
    assert 100 < decision.faces < 1000
    assert f"some {decision.faces:,} test faces would show it" in decision.reason
    assert type(decide(FACES, measured(noisy(0.0024)), policy(looks_per_year=1))) is Promote


def test_a_gain_within_the_noise_of_the_faces_is_kept_out_and_says_so():
    decision = decide(FACES, measured(noisy(0.0005)), policy())
    assert isinstance(decision, Keep)
    assert decision.reason.startswith("not shown to be better: NME 4.950% against the champion's 5.000%")


def test_a_worse_one_is_called_worse():
    assert decide(FACES, measured(noisy(-0.005)), policy()).reason.startswith("worse: ")


def test_faces_of_one_subject_are_no_evidence_on_their_own():
    """A gain that 100 subjects show, and that 10 subjects with ten faces alike do not."""
    gains = np.repeat([0.012, -0.004, 0.010, 0.001, 0.007, -0.003, 0.009, 0.002, 0.011, 0.005], 10)
    assert type(decide(FACES, Measured(FACES - gains, SUBJECTS, SUBSETS), policy())) is Promote
    ten = np.repeat(np.arange(10), 10).astype(str)
    assert type(decide(FACES, Measured(FACES - gains, ten, SUBSETS), policy())) is NeedMoreData


def test_what_seeds_differ_by_is_no_gain():
    gain = measured(noisy(0.005, noise=0.001))
    assert type(decide(FACES, gain, policy())) is Promote
    decision = decide(FACES, gain, policy(seed_spread=0.05))  # two trainings: 7% of 5% NME, 0.35%
    assert type(decision) is Keep


def test_after_the_looks_of_a_year_no_more_are_promoted():
    better = measured(noisy(0.005))
    assert type(decide(FACES, better, policy(looks_per_year=10), looks=9)) is Promote
    decision = decide(FACES, better, policy(looks_per_year=10), looks=10)
    assert isinstance(decision, Keep)
    assert decision.reason.startswith(
        "10 challengers were compared within 365 days, as many as promotion.looks_per_year"
    )


def test_a_model_that_is_better_on_the_mean_and_worse_on_a_guarded_subset_is_held_back():
    profiles = np.arange(100) < 40
    nme = np.where(profiles, noisy(-0.01, 0.002), noisy(0.02, 0.002))
    assert nme.mean() < FACES.mean()
    assert type(decide(FACES, measured(nme), policy())) is Promote
    decision = decide(FACES, measured(nme), policy(guards={"profile": 0.05}))
    assert isinstance(decision, Keep)
    assert decision.reason.startswith("better on all faces, but worse on profile NME 4.")
    assert type(decide(FACES, measured(nme), policy(guards={"frontal": 0.0}))) is Promote


def test_a_guarded_subset_with_too_few_faces_to_tell_asks_for_more():
    profiles, seesaw = np.arange(100) < 40, np.where(np.arange(100) % 2, 0.01, -0.01)
    nme = FACES + np.where(profiles, seesaw, noisy(0.02, 0.002) - FACES)
    decision = decide(FACES, measured(nme), policy(guards={"profile": 0.05}))
    assert isinstance(decision, NeedMoreData)
    assert decision.reason.startswith("better on all faces, but not shown to be no worse on profile NME 3.")
    # The faces of the subset differ by 1.01% with a mean of 0, and 5% of 3.18% is allowed:
    # (1.645 + 0.842)^2 (1.01 / 0.159)^2 = 250.
    assert decision.faces == pytest.approx(250, abs=8)


def test_a_guard_of_no_subset_is_refused_with_those_that_there_are():
    with pytest.raises(
        ValueError, match=r"promotion\.guards: no test face is in subset 'pose'; there are: frontal, profile"
    ):
        decide(FACES, measured(noisy(0.005)), policy(guards={"pose": 0.05}))


def test_other_faces_are_not_compared():
    with pytest.raises(ValueError, match="cannot compare 100 faces with 99"):
        decide(FACES[1:], measured(FACES), policy())
