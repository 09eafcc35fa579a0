"""The study of the gate: its drawn models are as different as the real ones, and its command runs on two faces."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml

from pipelines.params import PromotionParams
from studies.gate.models import Trainings
from studies.gate.simulate import better_by, but_worse_on, promoted, replaced_on, smallest

POLICY = PromotionParams(
    error_per_year=0.05,
    looks_per_year=366,
    seed_spread=0.0,
    max_nme=1.0,
    guards={},
    refused_licences=[],
    approval="none",
)


def trainings(spread: float, seeds: int = 10, faces: int = 100) -> Trainings:
    """Of two faces a subject, each with an error of its own and a tenth of noise; seeds differ by `spread`."""
    rng = np.random.default_rng(0)
    level = rng.gamma(9, 0.005, faces)
    luck = 1 + spread * rng.standard_normal((seeds, 1))
    nme = level * np.exp(0.1 * rng.standard_normal((seeds, faces))) * luck
    return Trainings(nme, np.arange(faces) // 2, [("dark",) if face < 30 else ("light",) for face in range(faces)])


@pytest.mark.parametrize("spread", [0.0, 0.03, 0.1])
def test_what_seeds_differ_by_is_told_from_what_faces_do(spread):
    """Of 200 seeds a standard deviation is known to 5%."""
    assert spread == pytest.approx(trainings(spread, seeds=200).spread, rel=0.15, abs=0.004)


def test_drawn_models_differ_as_trainings_do():
    of, rng = trainings(0.03, seeds=40), np.random.default_rng(0)
    faces = of.draw_faces(rng, 20_000)
    assert 20_000 <= len(faces.rows) <= 20_001
    drawn = np.array([of.draw_model(rng, faces).mean() for _ in range(300)])
    assert drawn.std() / drawn.mean() == pytest.approx(of.spread, rel=0.15)
    one, other = (of.draw_model(rng, faces) for _ in range(2))
    assert (one / other).std() == pytest.approx(0.1 * np.sqrt(2), rel=0.15)


def test_faces_of_a_subject_are_drawn_together_and_one_that_comes_twice_is_two():
    of = trainings(0.0)
    faces = of.draw_faces(np.random.default_rng(0), 300)
    for subject in range(faces.subjects[-1] + 1):
        (rows,) = [faces.rows[faces.subjects == subject]]
        assert [rows[0], rows[0] + 1] == rows.tolist()
    assert len(np.unique(faces.rows)) < 150 <= faces.subjects[-1] + 1


def test_a_look_at_2_5_per_cent_errs_as_often_and_a_budget_for_the_year_holds():
    single = POLICY.model_copy(update={"error_per_year": 0.025, "looks_per_year": 1})
    first = replaced_on(trainings(0.0), single, 100, nights=30, years=60)
    # In the first night 2.5% of 60 years; in 30 nights many more, whose looks share a champion.
    assert (first == 0).sum() <= 6
    assert 0.15 < (first < 30).mean() < 0.7
    assert (replaced_on(trainings(0.0), POLICY, 100, nights=30, years=60) < 30).sum() <= 2


def test_seeds_that_differ_more_than_the_policy_knows_replace_a_champion():
    of = trainings(0.03)
    unaware = promoted(of, POLICY, 2000, better_by(0.0), 100)
    aware = promoted(of, POLICY.model_copy(update={"seed_spread": 0.03}), 2000, better_by(0.0), 100)
    assert unaware > 0.1
    assert aware == 0


def test_a_better_model_is_promoted_and_a_guard_holds_back_one_that_is_worse_on_a_subset():
    of = trainings(0.0)
    assert promoted(of, POLICY, 100, better_by(0.2), 20) == 1
    tilt = but_worse_on(of, "dark", 0.3, 0.2)
    assert promoted(of, POLICY, 400, tilt, 20) > 0.8
    assert promoted(of, POLICY.model_copy(update={"guards": {"dark": 0.05}}), 400, tilt, 20) == 0


@pytest.mark.parametrize(("wanted", "expected"), [(0.8, 0.0275), (0.1, 0.0), (0.95, np.nan)])
def test_the_smallest_difference_lies_between_those_that_were_tried(wanted, expected):
    # By hand: 0.02 + 0.01 (0.8 - 0.5) / (0.9 - 0.5).
    found = smallest(np.array([0, 0.01, 0.02, 0.03]), np.array([0.1, 0.2, 0.5, 0.9]), wanted)
    assert found == pytest.approx(expected, nan_ok=True)


def test_the_command_trains_two_seeds_simulates_and_draws(small):
    fields = yaml.safe_load((small.root / "recipes/smallest.yaml").read_text(encoding="utf-8"))
    fields["name"] = "night"
    fields["train"]["epochs"] = 1
    fields["promotion"]["max_nme"] = 100
    (small.root / "recipes/night.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    words = ("--crops", "crops", "--out", "runs/nights", "--figure", "gate.png", "--years", "1", "--times", "1")
    said = small.run(
        "python", "-m", "studies.gate", "recipes/night.yaml", *words, "--seeds", "0", "--seeds", "1"
    ).stdout
    assert re.search(r"2 trainings of night: NME \d+\.\d\d% on 2 faces; seeds differ by \d+\.\d\d% of it", said)
    assert 18 == len(re.findall(r"(?m)^\| (?:trained|equally) .+ \| [\d,]+ \|(?: \d+\.\d% \|){4}$", said))
    assert 6 == len(re.findall(r"(?m)^\| the gate.* \| [\d,]+ \|(?: \d+% \|){9} (?:\d+\.\d|nan)% \|$", said))
    assert b"\x89PNG" == (small.root / "gate.png").read_bytes()[:4]
    alone = small.run("python", "-m", "studies.gate", "recipes/night.yaml", *words, "--seeds", "0", check=False)
    assert "gate: what seeds differ by takes two of them or more: --seeds 0 --seeds 1 ...\n" == alone.stderr
