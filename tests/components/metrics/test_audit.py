"""The audit: true figures pass, and each figure that is tampered with is refused by name."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import simpson

from components.metrics import PROTOCOLS, Evidence, auc, audit, ced, summarise
from components.metrics.audit import CHECKS, simpson_auc, simpson_tolerance
from components.schemes import Scheme

PROTOCOL = PROTOCOLS["inter_ocular"]
THRESHOLDS = np.linspace(0, 0.1, 201)
# Scale of the errors, and shape of their distribution: well below the threshold, around it, and beyond.
DRAWN = {
    "gamma": lambda rng: rng.gamma(4, 0.01, 500),
    "uniform": lambda rng: rng.uniform(0, 0.2, 500),
    "exponential": lambda rng: rng.exponential(0.05, 500),
    "lost": lambda rng: rng.uniform(0.09, 0.5, 500),
}


@pytest.fixture
def relative() -> np.ndarray:
    """Errors of 40 faces of three landmarks, fractions; about one face in ten beyond 0.1."""
    return np.random.default_rng(0).gamma(4, 0.015, (40, 3))


@pytest.fixture
def true(relative: np.ndarray, three: Scheme) -> tuple[dict, Evidence]:
    """True figures of two subsets that part the faces, and the faces."""
    subsets = [("dark",) if i < 15 else ("light",) for i in range(40)]
    per_face = relative.mean(axis=1)
    evidence = Evidence(per_face, subsets, True, (THRESHOLDS, ced(per_face, THRESHOLDS)))
    return summarise(relative, subsets, three, PROTOCOL), evidence


def test_true_figures_pass_every_check(true: tuple) -> None:
    assert sorted(CHECKS) == audit(*true)


def test_what_does_not_apply_is_not_said_to_be_checked(relative: np.ndarray, three: Scheme) -> None:
    relative[3, 1] = np.nan
    subsets = [("a", "b"), *[("a",)] * 39]
    evidence = Evidence(PROTOCOL.face_nme(relative), subsets, False)
    checked = audit(summarise(relative, subsets, three, PROTOCOL), evidence)
    # A landmark is missing, a face is in two subsets, and there is no curve.
    assert set(CHECKS) - {"mean of landmarks", "mean of subsets", "CED"} == set(checked)


def tampered(metrics: dict, *path: str, by: Callable) -> dict:
    """A copy in which the value at the path is another."""
    metrics = copy.deepcopy(metrics)
    place = metrics
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = by(place[path[-1]])
    return metrics


def refused(metrics: dict, evidence: Evidence) -> set[str]:
    """The checks that refuse."""
    with pytest.raises(ValueError, match=r"^inconsistent metrics, not written: ") as caught:
        audit(metrics, evidence)
    return {name for name in CHECKS if re.search(rf"(: |; ){re.escape(name)}: ", str(caught.value))}


@pytest.mark.parametrize(
    ("path", "by", "expected"),
    [
        # Each by a ten-thousandth, which no reader would see; and what must notice it.
        (("nme",), lambda v: v + 1e-4, {"figures are the faces'", "mean of landmarks", "mean of subsets"}),
        (("failure_rate",), lambda v: v + 1e-4, {"figures are the faces'", "mean of subsets", "CED"}),
        (("auc",), lambda v: v - 1e-4, {"figures are the faces'", "mean of subsets"}),
        (("auc",), lambda v: v + 0.02, {"figures are the faces'", "mean of subsets", "AUC as published", "CED"}),
        (("subsets", "dark", "nme"), lambda v: v + 1e-4, {"figures are the faces'", "mean of subsets"}),
        (("subsets", "dark", "failure_rate"), lambda v: v + 1e-4, {"figures are the faces'", "mean of subsets"}),
        (("subsets", "light", "auc"), lambda v: v + 1e-4, {"figures are the faces'", "mean of subsets"}),
        (("landmarks", "nose"), lambda v: v + 1e-4, {"mean of landmarks"}),
        (("num_faces",), lambda v: v + 1, {"counts"}),
        (("num_faces",), lambda v: 14, {"counts"}),
        (("subsets", "dark", "num_faces"), lambda v: v - 1, {"counts", "mean of subsets"}),
        (("nme_interval",), lambda v: [v[1], v[1]], {"intervals"}),
        (("failure_rate_interval",), lambda v: [v[1] + 0.1, v[1] + 0.2], {"intervals"}),
        (("auc_interval",), lambda v: [v[1], v[0]], {"intervals"}),
        (("subsets", "light", "nme_interval"), lambda v: [0.0, 0.0], {"intervals"}),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_a_tampered_figure_is_refused(true: tuple, path: tuple[str, ...], by: Callable, expected: set[str]) -> None:
    metrics, evidence = true
    assert expected <= refused(tampered(metrics, *path, by=by), evidence)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("nme", value) for value in (-0.01, np.nan, np.inf)],
        *[(name, value) for name in ("failure_rate", "auc") for value in (-0.01, 1.01, np.nan)],
    ],
)
@pytest.mark.parametrize("of", ["all faces", "light"])
def test_figures_out_of_their_range_are_refused(true: tuple, of: str, name: str, value: float) -> None:
    metrics, evidence = true
    path = (name,) if of == "all faces" else ("subsets", of, name)
    assert "ranges" in refused(tampered(metrics, *path, by=lambda _: value), evidence)


def bounded(nme: float, failure_rate: float, auc: float, failure_threshold: float = 0.1) -> bool:
    """Whether the bounds between the three pass at an AUC threshold of 0.1."""
    protocol = {"failure_threshold": failure_threshold, "auc_threshold": 0.1}
    figures = {"nme": nme, "failure_rate": failure_rate, "auc": auc, "subsets": {}, "protocol": protocol}
    _, check = CHECKS["NME, FR and AUC bound each other"]
    return not list(check(figures, Evidence(np.zeros(0), [], True)))


@pytest.mark.parametrize(
    ("nme", "failure_rate", "auc", "passes"),
    [
        # By hand. No failures: AUC is 1 - 0.04 / 0.1 = 0.6, neither more nor less.
        (0.04, 0.0, 0.6, True),
        (0.04, 0.0, 0.61, False),
        (0.04, 0.0, 0.59, False),
        # A quarter fails, so the mean is 0.025 at least, and the AUC 0.75 at most.
        (0.03, 0.25, 0.74, True),
        (0.02, 0.25, 0.8, False),
        (0.03, 0.25, 0.76, False),
        # Never below 1 - NME / 0.1 = 0.7.
        (0.03, 0.1, 0.69, False),
        # The area above the curve instead of the one below.
        (0.04, 0.0, 0.4, False),
    ],
)
def test_nme_failure_rate_and_auc_bound_each_other(nme: float, failure_rate: float, auc: float, passes: bool) -> None:
    assert passes == bounded(nme, failure_rate, auc)


@pytest.mark.parametrize(
    ("failure_threshold", "auc", "passes"),
    [
        # By hand, a fifth of the faces above the failure threshold. At 0.05: failed faces leave half of the interval at
        # most, so 1 - 0.2 * 0.5 = 0.9; the others leave half at least: 0.8 * 0.5 = 0.4. NME 0.03 asks for 0.7.
        (0.05, 0.85, True),
        (0.05, 0.91, False),
        (0.05, 0.69, False),
        # At 0.2: failed faces leave nothing: 0.8 at most. (NME is at least 0.2 * 0.2 = 0.04, so 0.03 cannot be.)
        (0.2, 0.75, False),
    ],
)
def test_the_bounds_hold_for_unequal_thresholds_too(failure_threshold: float, auc: float, passes: bool) -> None:
    assert passes == bounded(0.03, 0.2, auc, failure_threshold)


@given(
    st.lists(st.one_of(st.floats(0, 0.5), st.sampled_from([0.0, 0.05, 0.07, 0.1])), min_size=1, max_size=30),
    st.sampled_from([0.05, 0.07, 0.1, 0.2]),
    st.sampled_from([0.05, 0.07, 0.1, 0.2]),
)
def test_no_true_figures_are_refused(errors: list[float], fail: float, area: float) -> None:
    scheme = Scheme("one", ("a",), (0,), (0, 0), ((0,), (0,)), ())
    protocol = replace(PROTOCOL, failure_threshold=fail, auc_threshold=area)
    per_face = np.array(errors)
    thresholds = np.linspace(0, area, 201)
    metrics = summarise(per_face[:, None], [("all",)] * len(errors), scheme, protocol, intervals=())
    evidence = Evidence(per_face, [("all",)] * len(errors), True, (thresholds, ced(per_face, thresholds)))
    assert sorted(CHECKS) == audit(metrics, evidence)


@pytest.mark.parametrize("change", [lambda s: s[::-1], lambda s: s + 0.5, lambda s: s - 0.5, lambda s: np.roll(s, 1)])
def test_a_curve_that_does_not_rise_from_0_to_1_is_refused(true: tuple, change: Callable) -> None:
    metrics, evidence = true
    curve = (THRESHOLDS, change(ced(evidence.nme, THRESHOLDS)))
    assert {"CED"} == refused(metrics, replace(evidence, curve=curve))


def test_a_curve_of_other_faces_is_refused(true: tuple) -> None:
    metrics, evidence = true
    assert {"CED"} == refused(metrics, replace(evidence, curve=(THRESHOLDS, ced(evidence.nme / 2, THRESHOLDS))))


def test_every_violation_is_listed(true: tuple) -> None:
    metrics, evidence = true
    wrong = tampered(tampered(metrics, "num_faces", by=lambda n: n + 1), "landmarks", "nose", by=lambda v: v + 1)
    assert {"counts", "mean of landmarks"} == refused(wrong, evidence)


def published(errors: np.ndarray, threshold: float, num_nodes: int | None = None) -> float:
    """STAR's and HIH's released lines: np.arange to threshold + step, `<=`, Simpson, over the threshold."""
    xs = np.arange(0, threshold + 1e-4, 1e-4)[:num_nodes]
    return float(simpson([np.count_nonzero(errors <= x) / len(errors) for x in xs], x=xs) / threshold)


@pytest.mark.parametrize(("threshold", "num_nodes"), [(0.05, 501), (0.07, 701), (0.08, 801), (0.1, 1001)])
@pytest.mark.parametrize("drawn", sorted(DRAWN))
def test_the_closed_form_is_the_papers_integral_of_500_faces(drawn: str, threshold: float, num_nodes: int) -> None:
    errors = DRAWN[drawn](np.random.default_rng(0))
    assert published(errors, threshold, num_nodes) == pytest.approx(float(auc(errors, threshold)), abs=1e-3)


@pytest.mark.parametrize(("threshold", "num_nodes"), [(0.05, 502), (0.07, 702), (0.08, 801), (0.1, 1001)])
def test_at_5_and_7_percent_the_released_lines_run_a_step_too_far(threshold: float, num_nodes: int) -> None:
    # np.arange rounds: its last node is 0.0501. Of faces without error the area is then 0.0501 / 0.05, 1.002.
    assert num_nodes == len(np.arange(0, threshold + 1e-4, 1e-4))
    expected = (num_nodes - 1) * 1e-4 / threshold
    assert expected == pytest.approx(published(np.zeros(500), threshold))


@pytest.mark.parametrize("threshold", [0.05, 0.07, 0.08, 0.1])
@pytest.mark.parametrize("drawn", sorted(DRAWN))
def test_with_500_faces_simpsons_rule_is_off_by_a_few_of_its_standard_deviations(drawn: str, threshold: float) -> None:
    errors = DRAWN[drawn](np.random.default_rng(0))
    # One face is off by a third of a step (one standard deviation), 500 by that over sqrt(500).
    deviation = 1e-4 / threshold / 3 / 500**0.5
    assert simpson_auc(errors, threshold) == pytest.approx(float(auc(errors, threshold)), abs=4 * deviation)


@given(st.floats(0, 0.1), st.sampled_from([0.05, 0.07, 0.1]))
def test_simpsons_rule_is_off_by_two_thirds_of_a_step_at_most_however_few_the_faces(
    error: float, threshold: float
) -> None:
    errors = np.array([error])
    off = abs(simpson_auc(errors, threshold) - float(auc(errors, threshold)))
    assert off <= simpson_tolerance(threshold) + 1e-12


def test_and_by_as_much_where_all_errors_are_equal() -> None:
    # Just above an even node, at 0.02: the rule sees the step at the next one, weighted 4 / 3 h: 2 / 3 h - h = -1 / 3 h;
    # just at an odd node, 0.0201: 2 / 3 h too much.
    errors = np.full(500, 0.0201 - 1e-12)
    assert simpson_tolerance(0.1) == pytest.approx(simpson_auc(errors, 0.1) - float(auc(errors, 0.1)), rel=1e-3)
